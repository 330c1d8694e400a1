// Colours: the palette is CSS (theme.py); canvases and tinted tokens need it as numbers.

// Read the palette that is in force at `root`, after telling the style sheet which theme that is.
function readColours(root) {
  const style = getComputedStyle(root);
  const parse = colourParser();
  const value = (name) => style.getPropertyValue(name).trim();
  const isDark = luminance(parse(value("--st-background-color") || "#fff")) < 0.2;
  root.dataset.theme = isDark ? "dark" : "light";
  const plain = (name) => parse(value(name));
  const paper = plain("--hs-paper");
  const ink = plain("--hs-ink");
  return {
    paper: css(paper), ink: css(ink),
    muted: value("--hs-muted"), border: value("--hs-border"), selected: value("--hs-selected"),
    font: value("--st-font") || "sans-serif", codeFont: value("--st-code-font") || "monospace",
    attention: ramp(value("--hs-attention").split(",").map(parse), paper, ink),
    loss: ramp(value("--hs-loss").split(",").map(parse), paper, ink),
    signed: signedRamp(value("--hs-signed").split(",").map(parse), paper, ink),
  };
}

// 256 colours: `pixels` for ImageData, `at(0..1)` as CSS, `inkAt(0..1)` the text colour that reads best on it.
function ramp(stops, paper, ink, count = 256) {
  const last = count - 1;
  const colours = Array.from({ length: count }, (_, i) => between(stops, i / last));
  const index = (share) => Math.round(last * Math.min(1, Math.max(0, share)));
  const readable = (colour) => css(contrast(colour, ink) >= contrast(colour, paper) ? ink : paper);
  return {
    // ImageData is red, green, blue, alpha in memory, so alpha comes first in a little-endian word.
    pixels: Uint32Array.from(colours, ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0),
    at: (share) => css(colours[index(share)]),
    inkAt: (share) => readable(colours[index(share)]),
  };
}

// The same for shares from -1 to 1. An odd number of colours, so that 0 has one of its own: paper.
function signedRamp(stops, paper, ink) {
  const { pixels, at, inkAt } = ramp(stops, paper, ink, 257);
  const place = (share) => (share + 1) / 2;
  return { pixels, at: (share) => at(place(share)), inkAt: (share) => inkAt(place(share)) };
}

function between(stops, share) {
  const place = share * (stops.length - 1);
  const left = Math.min(Math.floor(place), stops.length - 2);
  return stops[left].map((from, i) => Math.round(from + (stops[left + 1][i] - from) * (place - left)));
}

// The browser itself knows every way to write a colour: paint one pixel and look.
function colourParser() {
  const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  return (text) => {
    pixel.fillStyle = text.trim();
    pixel.fillRect(0, 0, 1, 1);
    return [...pixel.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
}

const css = ([r, g, b]) => `rgb(${r}, ${g}, ${b})`;

// Relative luminance and contrast as in WCAG 2.
function luminance(colour) {
  const [r, g, b] = colour.map((c) => (c <= 10 ? c / 3294 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}
