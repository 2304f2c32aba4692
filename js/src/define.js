// Importing this defines the element, once.
import { JangbuCheckout as Element } from "./element.js";

/** @type {typeof import("../types/element.js").JangbuCheckout} */
export const JangbuCheckout = Element;

if (!customElements.get("jangbu-checkout")) customElements.define("jangbu-checkout", Element);
