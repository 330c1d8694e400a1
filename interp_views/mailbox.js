// Messages in parts. A picture gets one main message, its data, and small further ones: what is selected, the
// exact numbers of one head. Streamlit mounts each part as a component of its own, so that a part that
// changes does not send the data again. Components share one document, and meet in a box under the picture's name.

// A box is { parts: Map(name of the part -> { header, arrays }), read: the picture's own reader, or null }.
function mailbox(to) {
  const boxes = (globalThis.hookscopeBoxes ??= new Map());
  if (!boxes.has(to)) boxes.set(to, { parts: new Map(), read: null });
  return boxes.get(to);
}

const addressOf = (header) => header.to ?? "";

// Let `read(letter)` have every part that lies in the box, and every one that comes.
function openBox(to, read) {
  const box = mailbox(to);
  box.read = read;
  for (const letter of box.parts.values()) read(letter);
}

function closeBox(to, read) {
  const box = mailbox(to);
  if (box.read === read) box.read = null;
  throwAwayIfEmpty(to);
}

// Put a message into its box, in the place of what the same `sender` put there before.
async function postPart(sender, data) {
  sender.data = data;
  const { header, arrays } = await unpack(data);
  // Unpacking takes a while: a later message may be here, or the sender gone.
  if (sender.data !== data) return;
  const overtaken = sender.letter;
  sender.letter = { header, arrays };
  const box = mailbox(addressOf(header));
  box.parts.set(header.part, sender.letter);
  if (overtaken && !isIn(box, overtaken)) forgetLetter(overtaken);
  box.read?.(sender.letter);
}

function withdrawPart(sender) {
  sender.data = null;
  if (sender.letter) forgetLetter(sender.letter);
  sender.letter = null;
}

const isIn = (box, letter) => box.parts.get(letter.header.part) === letter;

// Only the letter itself goes: another sender may have put a newer one in its place.
function forgetLetter(letter) {
  const to = addressOf(letter.header);
  if (isIn(mailbox(to), letter)) mailbox(to).parts.delete(letter.header.part);
  throwAwayIfEmpty(to);
}

function throwAwayIfEmpty(to) {
  const { parts, read } = mailbox(to);
  if (!parts.size && !read) globalThis.hookscopeBoxes.delete(to);
}

// A host may hand over the same bytes again in another array.
function sameBytes(one, other) {
  if (one === other) return true;
  if (!one || !other || one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}
