/** A disk that is full for a while. */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

/**
 * From now on a write of a whole file below `folder`, or to an open file, stops halfway with ENOSPC.
 * Returns what makes room again.
 */
export function fillDisk(folder: string): () => void {
  const { writeFileSync } = fs;
  const { writeFile } = fs.promises;
  const noSpace = () =>
    Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", errno: -28 });
  const isFull = (file: unknown) =>
    typeof file === "number" || (typeof file === "string" && file.startsWith(folder));
  const half = <Data>(data: Data): Data =>
    typeof data === "string" || data instanceof Uint8Array
      ? (data.slice(0, Math.floor(data.length / 2)) as Data)
      : data;
  fs.writeFileSync = (file, data, options) => {
    if (!isFull(file)) return writeFileSync(file, data, options);
    writeFileSync(file, half(data), options);
    throw noSpace();
  };
  fs.promises.writeFile = async (file, data, options) => {
    if (!isFull(file)) return writeFile(file, data, options);
    await writeFile(file, half(data), options);
    throw noSpace();
  };
  syncBuiltinESMExports();
  return () => {
    Object.assign(fs, { writeFileSync });
    Object.assign(fs.promises, { writeFile });
    syncBuiltinESMExports();
  };
}
