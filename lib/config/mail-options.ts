import { type MailUrl, parseMailUrl, parseSender, type Sender } from "./mail-url.ts";
import type { Option } from "./option.ts";
import { parseSwitch } from "./parse-setting.ts";

const SIGNUPS = ["closed", "invite", "open"] as const;

/** The settings of mail, and of what needs mail. */
export const MAIL_OPTIONS = {
  mailUrl: {
    name: "POSTERN_MAIL_URL",
    default: null,
    parse: parseMailUrl,
    expected: "smtp://USER:PASSWORD@HOST:587, smtps://USER:PASSWORD@HOST, or console:",
    isSecret: true,
    about:
      "The mail server: `smtp://USER:PASSWORD@HOST:587` (STARTTLS is required, except on this machine or with " +
      "`?tls=off`), or `smtps://…` for TLS from the start. `console:` prints each mail, for development. If it is unset, " +
      "Postern has nothing that needs mail: no sign-up, no password reset, no notices.",
  } satisfies Option<MailUrl>,
  mailFrom: {
    name: "POSTERN_MAIL_FROM",
    default: null,
    parse: parseSender,
    expected: "an address such as login@example.com, or Example <login@example.com>",
    about: "The sender of every mail.",
  } satisfies Option<Sender>,
  signup: {
    name: "POSTERN_SIGNUP",
    default: "closed",
    parse: (text) => SIGNUPS.find((name) => name === text) ?? null,
    expected: "closed, invite or open",
    about:
      "Sign-up: `closed`, by `invite` (with a link from the command `invite`), or `open` (with any email address).",
  } satisfies Option<(typeof SIGNUPS)[number]>,
  newDeviceNotices: {
    name: "POSTERN_NEW_DEVICE_NOTICES",
    default: "on",
    parse: parseSwitch,
    expected: "on or off",
    about:
      "Whether the user gets a mail about a login from an unknown device. With `POSTERN_THROTTLE=off` no device is " +
      "known, and there is no such mail.",
  } satisfies Option<boolean>,
  accountDeletion: {
    name: "POSTERN_ACCOUNT_DELETION",
    default: "off",
    parse: parseSwitch,
    expected: "on or off",
    about: "Whether users can delete their own accounts.",
  } satisfies Option<boolean>,
};
