import type { Transport } from "./transport.ts";

/** Prints each mail, as Django's console backend does. For development. */
export function createPrintingTransport(print: (text: string) => void): Transport {
  return {
    send: async ({ from, to, subject, text }) => {
      const sender = from.name === "" ? from.address : `${from.name} <${from.address}>`;
      print(`From: ${sender}\nTo: ${to}\nSubject: ${subject}\n\n${text}`);
      return { kind: "sent" };
    },
    close: () => {},
  };
}
