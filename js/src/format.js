// Money and time as people read them: as Jangbu's own page writes them, and by whole numbers all the way.

/**
 * @param {number} amount in the currency's smallest unit
 * @param {string} currency
 */
export function money(amount, currency) {
  const format = new Intl.NumberFormat("en", { style: "currency", currency, currencyDisplay: "narrowSymbol" });
  const places = format.resolvedOptions().maximumFractionDigits ?? 0;
  const digits = String(amount).padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  const part = places ? `.${digits.slice(-places)}` : "";
  return format.format(/** @type {`${number}`} */ (whole + part));
}

const SEOUL = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Seoul", dateStyle: "short", timeStyle: "short" });

/**
 * @param {string} instant
 * @returns {string} such as `2026-08-02 19:00`, on clocks in Korea
 */
export const inSeoul = (instant) => SEOUL.format(new Date(instant));
