/** Files that commands write. */
import { chmod, open, rm } from "node:fs/promises";
import { errorText, ValidationError } from "../core/errors.js";

/** How a file is written. */
export interface WriteOptions {
  /** Default: 0o666 less the umask. */
  readonly mode?: number;
  /** Replace a file that is there. Default: false. */
  readonly force?: boolean;
}

/** Writes a file that is not there yet. @throws ValidationError `FILE_EXISTS`, `UNWRITABLE_FILE` */
export async function writeNew(
  path: string,
  content: Uint8Array | string,
  options: WriteOptions = {},
): Promise<void> {
  try {
    if (options.force) await rm(path, { force: true }); // so that an old file's mode does not stay
    const file = await open(path, "wx", options.mode);
    try {
      await file.writeFile(content);
    } finally {
      await file.close();
    }
    if (options.mode !== undefined) await chmod(path, options.mode);
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") {
      throw new ValidationError(`${path} already exists`, { code: "FILE_EXISTS" });
    }
    throw new ValidationError(`cannot write ${path}: ${errorText(error)}`, { code: "UNWRITABLE_FILE" });
  }
}
