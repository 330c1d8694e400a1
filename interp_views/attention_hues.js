// A colour for every head, and mixtures of them where heads are shown on top of one another.

// Lightness changes from head to head too, by golden section: of 9 heads the two most alike are then 2 to 8 times
// as far apart to a reader who cannot tell red from green as at one lightness.
const GOLDEN = 0.618034;

class HeadHues {
  constructor(nHeads, colours) {
    this.paper = numbersIn(colours.paper);
    this.ink = numbersIn(colours.ink);
    this.nothing = fromWord(colours.attention.pixels[0]);
    const [low, high] = luminance(this.paper) < 0.2 ? [0.55, 0.9] : [0.42, 0.78];
    this.heads = Array.from({ length: nHeads }, (_, head) =>
      oklch(low + (high - low) * ((head * GOLDEN) % 1), 0.16, 25 + (360 * head) / nHeads));
    this.inks = new Map();
  }

  // 256 colours from nothing to the full colour of one head, as words for ImageData.
  rampOf(colour) {
    return Uint32Array.from({ length: 256 }, (_, level) => this.blend(...colour, level));
  }

  // A weight that is small still shows: half of the colour at a third of the scale.
  blend(red, green, blue, level) {
    const share = (level / 255) ** 0.6;
    const [r, g, b] = this.nothing;
    return toWord(r + (red - r) * share, g + (green - g) * share, b + (blue - b) * share);
  }

  // Levels of every head, cell by cell, as one colour each: hues weighted by the heads' levels, as strong as the
  // largest of them. Masked cells are transparent.
  mix(levelsOfHeads, stretch = 1) {
    const count = levelsOfHeads[0].length;
    const sums = new Float32Array(4 * count);
    const most = new Int16Array(count).fill(MASKED);
    levelsOfHeads.forEach((levels, head) => this.add(levels, this.heads[head], sums, most));
    const words = new Uint32Array(count);
    for (let i = 0, at = 0; i < count; i++, at += 4) {
      if (most[i] === MASKED) continue;
      const weight = sums[at + 3] || 1;
      words[i] = this.blend(sums[at] / weight, sums[at + 1] / weight, sums[at + 2] / weight, Math.min(255, most[i] * stretch));
    }
    return words;
  }

  add(levels, [red, green, blue], sums, most) {
    for (let i = 0, at = 0; i < levels.length; i++, at += 4) {
      const level = levels[i];
      if (level > most[i]) most[i] = level;
      if (level <= 0) continue;
      sums[at] += level * red;
      sums[at + 1] += level * green;
      sums[at + 2] += level * blue;
      sums[at + 3] += level;
    }
  }

  // The text colour that reads best on a word's colour.
  inkOn(word) {
    if (!this.inks.has(word)) {
      const colour = fromWord(word);
      this.inks.set(word, css(contrast(colour, this.ink) >= contrast(colour, this.paper) ? this.ink : this.paper));
    }
    return this.inks.get(word);
  }
}

const numbersIn = (text) => text.match(/[\d.]+/g).slice(0, 3).map(Number);
// ImageData is red, green, blue, alpha in memory, so red is the lowest byte of a little-endian word.
const toWord = (r, g, b) => ((255 << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r)) >>> 0;
const fromWord = (word) => [word & 255, (word >> 8) & 255, (word >> 16) & 255];

// OKLCH to sRGB (Björn Ottosson 2020), with less chroma where the screen has no such colour.
function oklch(lightness, chroma, hue) {
  for (let c = chroma; c > 0; c -= 0.01) {
    const colour = oklab(lightness, c * Math.cos((hue * Math.PI) / 180), c * Math.sin((hue * Math.PI) / 180));
    if (colour.every((part) => part >= 0 && part <= 255)) return colour.map(Math.round);
  }
  return oklab(lightness, 0, 0).map(Math.round);
}

function oklab(lightness, a, b) {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return linear.map((part) => 255 * (part <= 0.0031308 ? 12.92 * part : 1.055 * part ** (1 / 2.4) - 0.055));
}
