// The tokens, tinted by colours that are worked out elsewhere. Of a long prompt those in sight are tinted at once and
// the others when the pointer rests: restyling 2,048 elements takes longer than a hover may.

const AT_ONCE = 600;
const TINT_REST = 100;

class TintedTokens extends TokenText {
  constructor(label, testid, signal, actions) {
    super(label, testid, signal, actions);
    this.node.addEventListener("scroll", () => this.wanted && this.tintSeen(), { signal });
    signal.addEventListener("abort", () => clearTimeout(this.resting));
  }

  show(header) {
    const isNew = super.show(header);
    if (!isNew) return false;
    clearTimeout(this.resting);
    Object.assign(this, { words: new Uint32Array(this.spans.length), wanted: null });
    return true;
  }

  // Colour every token by a word of ImageData; a transparent one leaves it without a colour.
  colour(words, hues) {
    if (this.hues !== hues) this.words.fill(1);
    Object.assign(this, { hues, wanted: words });
    if (words.length <= AT_ONCE) return this.tintFrom(0, words.length);
    this.tintSeen();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.tintFrom(0, words.length), TINT_REST);
  }

  tintSeen() {
    const { scrollTop, clientHeight, offsetTop } = this.node;
    const firstBelow = (y) => {
      let [low, high] = [0, this.spans.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.spans[middle].offsetTop - offsetTop < y) low = middle + 1;
        else high = middle;
      }
      return low;
    };
    // The token that begins above the edge may reach into sight.
    this.tintFrom(Math.max(0, firstBelow(scrollTop) - 1), firstBelow(scrollTop + clientHeight));
  }

  tintFrom(first, end) {
    for (let pos = first; pos < end; pos++) {
      const word = this.wanted[pos];
      if (word === this.words[pos]) continue;
      this.words[pos] = word;
      const { style } = this.spans[pos];
      style.backgroundColor = word ? css(fromWord(word)) : "";
      style.color = word ? this.hues.inkOn(word) : "";
    }
  }
}
