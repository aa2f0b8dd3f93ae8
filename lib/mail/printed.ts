import type { Transport } from "./transport.ts";

/** As Django's console backend. */
const LINE = "-".repeat(79);

/** Prints each mail, as Django's console backend does. For development. */
export function createPrintingTransport(print: (text: string) => void): Transport {
  return {
    send: async ({ from, to, subject, text }) => {
      const sender = from.name === "" ? from.address : `${from.name} <${from.address}>`;
      const head = [`From: ${sender}`, `To: ${to}`, `Subject: ${subject}`].map((line) => line.replaceAll("\n", " "));
      // Text from outside, such as a name, must not steer the terminal.
      print(`${head.join("\n")}\n\n${text}${LINE}`.replace(/[^\P{C}\n]/gu, "\ufffd"));
      return { kind: "sent" };
    },
    close: () => {},
  };
}
