/** Decodes a CAP message with protobuf-es, after a walk over its bytes that says what they are like. */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { fromBinary } from "@bufbuild/protobuf";
import { decodeLoosely } from "./misread-fields.js";
import { shapesOf } from "./shapes.js";
import { malformed, Walk } from "./walk.js";

/** A message with what its bytes looked like. */
export interface Decoded<T> extends Pick<Walk, "specOrder" | "upbOrder" | "found"> {
  readonly message: T;
}

/**
 * Decodes a message. It shares no memory with `bytes`.
 *
 * @param find Number of a top-level field whose place in the bytes is wanted. Default: none.
 * @throws MalformedPacketError for truncated bytes, invalid UTF-8, overlong varints, unbalanced groups, more
 * than 100 levels, or more than 65,536 fields.
 */
export function decodeCanonical<Desc extends DescMessage>(
  desc: Desc,
  bytes: Uint8Array,
  find = 0,
): Decoded<MessageShape<Desc>> {
  const own = new Uint8Array(bytes); // protobuf-es returns views on what it is given
  const { misread, specOrder, upbOrder, found } = new Walk(own, shapesOf(desc), find);
  try {
    const message = misread ? decodeLoosely(desc, own) : fromBinary(desc, own);
    return { message, specOrder, upbOrder, found };
  } catch (cause) {
    throw malformed(
      cause instanceof TypeError ? "a text field is not UTF-8" : "a field cannot be read",
      cause,
    );
  }
}
