/**
 * Bytes for one moment, cut out of a common block: a buffer of its own costs as much as encoding a packet.
 *
 * Only for bytes that are signed, verified or published and then forgotten. Whoever keeps them keeps the block,
 * and whoever transfers their buffer takes those of others with it, so they are not for users.
 */

const BLOCK_BYTES = 16 * 1024;
const LARGEST = BLOCK_BYTES / 8;

let block = new ArrayBuffer(0);
let used = 0;

/** So many zero bytes. */
export function cutBytes(size: number): Uint8Array<ArrayBuffer> {
  if (size > LARGEST) return new Uint8Array(size);
  if (used + size > block.byteLength) {
    block = new ArrayBuffer(BLOCK_BYTES);
    used = 0;
  }
  used += size;
  return new Uint8Array(block, used - size, size);
}
