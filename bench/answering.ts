/** A server in a process of its own, so that it takes no time of the client's. */
import { spawn } from "node:child_process";
import { once } from "node:events";

/** What the server says, by path; `*` is every other path. */
export type Answers = Readonly<Record<string, { readonly status: number; readonly body: string }>>;

const program = `
import { createServer } from "node:http";
const answers = JSON.parse(process.env.ANSWERS);
createServer((request, response) => {
  request.resume().on("end", () => {
    const { status, body } = answers[request.url] ?? answers["*"];
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body), "x-correlation-id": "req_1_1" };
    response.writeHead(status, headers).end(body);
  });
}).listen(0, "127.0.0.1", function () { console.log(this.address().port); });`;

/** Starts it on loopback. */
export async function answering(answers: Answers): Promise<{ readonly baseUrl: string; stop(): void }> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ANSWERS: JSON.stringify(answers) },
  });
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  return { baseUrl: `http://127.0.0.1:${Number(port.toString())}`, stop: () => child.kill() };
}
