// The key to a colour ramp between two stated ends, and numbers as people write them.

// `name` is a ramp of the palette (attention, loss, signed); the ends and the unit are texts.
function rangeScale(name, low, high, unit) {
  const ramp = el("i", { class: "hs-scale-ramp" });
  // A style attribute would be stopped by the page's policy; a property is not.
  ramp.style.background = `linear-gradient(to right, var(--hs-${name}))`;
  return el("div", { class: "hs-scale" }, el("span", {}, low), ramp, el("span", {}, high), el("span", {}, unit));
}

// A number with a true minus sign, so that columns of signed numbers line up.
function signedNumber(value, decimals) {
  const text = Math.abs(value).toFixed(decimals);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

// Four digits at most, and none for nothing: 0.3333, 0.125, 2.
const shortNumber = (value) => String(Number(value.toPrecision(4)));

// Largest absolute value, 0 if there is none. NaN and infinities are passed over.
function largestSize(values) {
  return values.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0);
}
