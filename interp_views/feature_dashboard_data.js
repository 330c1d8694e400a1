// What a message of feature_dashboard.py says, with every [start, count] replaced by the numbers or tokens it names.

function readFeatures({ features }, { numbers, places, words, word_ids: ids }) {
  const texts = new TextDecoder().decode(words).split("\n");
  // Equal tokens are one object.
  const table = Array.from(ids, (id, i) => ({ text: texts[i], id: id < 0 ? null : id }));
  const valuesAt = ([start, count]) => numbers.subarray(start, start + count);
  const tokensAt = ([start, count]) => Array.from(places.subarray(start, start + count), (place) => table[place]);
  const scores = (from) => from && { tokens: tokensAt(from.tokens), values: valuesAt(from.values) };
  const bars = (from) => from && { counts: valuesAt(from.counts), edges: valuesAt(from.edges), log: from.log };
  const losses = (from) => from && {
    exact: valuesAt(from.exact), direct: valuesAt(from.direct), before: valuesAt(from.before), after: valuesAt(from.after),
    up: contributions(scores(from.up), from.up.lengths), down: contributions(scores(from.down), from.down.lengths),
  };
  const example = (from) => ({
    ...from, tokens: tokensAt(from.tokens), values: valuesAt(from.values), losses: losses(from.losses),
    sources: from.sources && valuesAt(from.sources),
  });
  return features.map((from) => ({
    ...from,
    activations: bars(from.activations), logits: bars(from.logits),
    promoted: scores(from.promoted), suppressed: scores(from.suppressed),
    tables: from.tables.map((rows) => ({ ...rows, values: valuesAt(rows.values) })),
    groups: from.groups.map((group) => ({ ...group, examples: group.examples.map(example) })),
  }));
}

// One list per token of an example, out of all of them end to end; null where the feature was silent.
function contributions({ tokens, values }, lengths) {
  let end = 0;
  return lengths.map((length) => {
    if (length < 0) return null;
    const start = end;
    end += length;
    return { tokens: tokens.slice(start, end), values: values.subarray(start, end) };
  });
}

// Largest |effect on the loss| of all examples, 0 where none has any; null where none was asked for.
function largestEffect(features) {
  const known = features.flatMap(({ groups }) => groups.flatMap(({ examples }) => examples.flatMap(({ losses }) => losses ?? [])));
  return known.length ? Math.max(...known.map(({ exact }) => largestSize(exact))) : null;
}

// Largest |logit| that is shown: the colours of promoted and suppressed tokens run to it.
function largestLogit({ promoted, suppressed, logits }) {
  return Math.max(...[promoted?.values, suppressed?.values, logits?.edges].map((values) => (values ? largestSize(values) : 0)));
}

// Shades of activation, and of what helps (blue) and hurts (red), in the theme that is in force at `root`.
function featureRamps(root, { paper, ink }) {
  const parse = colourParser();
  const style = getComputedStyle(root);
  const stops = (name) => style.getPropertyValue(name).split(",").map(parse);
  return {
    shade: ramp(stops("--hs-shade"), parse(paper), parse(ink)),
    swing: signedRamp(stops("--hs-swing"), parse(paper), parse(ink)),
  };
}

// Three digits after the point; a number that would show as 0.000 in powers of ten, so that it is not taken for zero.
function featureNumber(value) {
  if (Number.isNaN(value)) return "none";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size > 0 && size < 0.0005) return value.toExponential(1).replace("-", "−");
  return signedNumber(value, size >= 100 ? 1 : 3);
}

// A share as a percentage, with enough digits to tell it from 0.
function percentText(share) {
  const percent = 100 * share;
  if (percent === 0) return "0 %";
  return `${percent < 0.0005 ? percent.toExponential(1) : percent.toFixed(percent < 10 ? 3 : 1)} %`;
}
