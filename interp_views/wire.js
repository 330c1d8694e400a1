// The browser's end of wire.py: one message of bytes in, a header and typed arrays out.

const ARRAY_TYPES = { uint8: Uint8Array, uint16: Uint16Array, int32: Int32Array, float32: Float32Array };

async function unpack(data) {
  const start = 4 + new DataView(data.buffer, data.byteOffset, 4).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(data.subarray(4, start)));
  // Streamlit's bytes begin at an odd offset of a larger buffer; typed arrays need an aligned copy.
  const packed = data.slice(start);
  const blob = header.encoding === "deflate" ? await inflate(packed) : packed.buffer;
  const arrays = {};
  for (const [name, spec] of Object.entries(header.arrays)) arrays[name] = readArray(blob, spec);
  return { header, arrays };
}

function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

function readArray(blob, { dtype, offset, nbytes, shuffled }) {
  const Type = ARRAY_TYPES[dtype];
  const size = Type.BYTES_PER_ELEMENT;
  const count = nbytes / size;
  if (!shuffled) return new Type(blob, offset, count);
  const source = new Uint8Array(blob, offset, nbytes);
  const bytes = new Uint8Array(nbytes);
  for (let plane = 0; plane < size; plane++)
    for (let i = 0; i < count; i++) bytes[i * size + plane] = source[plane * count + i];
  return new Type(bytes.buffer);
}
