import { describe, expect, it } from "vitest";
import { Intake } from "../../src/cap/intake.js";

const message = (index: number) => ({ subject: `s.${index}`, data: new Uint8Array(0) });
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("the intake of messages", () => {
  it("takes one slice per turn, in the order of arrival", async () => {
    const taken: string[] = [];
    const intake = new Intake(({ subject }) => void taken.push(subject), 16);
    for (let i = 0; i < 70; i++) intake.push(message(i));
    const counts = [taken.length];
    while (taken.length < 70) {
      await turn();
      if (taken.length !== counts.at(-1)) counts.push(taken.length);
    }
    expect(counts).toEqual([16, 32, 48, 64, 70]);
    expect(taken).toEqual(Array.from({ length: 70 }, (_, i) => `s.${i}`));
  });

  it("lets what a slice has given rise to come before the next slice", async () => {
    const order: string[] = [];
    const intake = new Intake(() => {
      order.push("taken");
      void Promise.resolve().then(() => setImmediate(() => order.push("sent")));
    }, 1);
    for (let i = 0; i < 3; i++) intake.push(message(i));
    await intake.drained();
    while (order.length < 6) await turn();
    expect(order).toEqual(["taken", "sent", "taken", "sent", "taken", "sent"]);
  });

  it("tells when nothing waits, also after what waits was forgotten", async () => {
    let taken = 0;
    const intake = new Intake(() => taken++, 4);
    await intake.drained();
    for (let i = 0; i < 10; i++) intake.push(message(i));
    const drained = intake.drained();
    intake.clear();
    await drained;
    await turn();
    expect(taken).toBe(4);
  });
});
