export { createCheckout } from "./checkout.js";
