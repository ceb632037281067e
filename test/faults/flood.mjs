/** Publishes a number of large messages as fast as it can: arguments are URL, subject, bytes, count. */
import { connect } from "nats";

const [servers, subject, bytes, count] = process.argv.slice(2);
const connection = await connect({ servers });
process.stdout.write("connected\n");
const data = new Uint8Array(Number(bytes));
for (let i = 0; i < Number(count); i++) {
  connection.publish(subject, data);
  if (i % 8 === 0) await connection.flush();
}
await connection.close();
