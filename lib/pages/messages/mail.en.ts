/** What a mail is about. */
export interface MailAbout {
  site: string;
  /** Whether a report has removed second factors, and whether one is left. */
  hasLostFactor?: boolean;
  hasFactor?: boolean;
}

/** The text of one mail. The facts (account, time, device) stand between `intro` and `ask`. */
export interface MailText {
  subject: (about: MailAbout) => string;
  intro: (about: MailAbout) => string[];
  /** What to do, before the link. */
  ask: string[];
  /** The text of the link. */
  button: string;
  /** Whether the mail warns: the link is needed only if another person did this. */
  isAlarm: boolean;
  /** After the sentence about the link's lifetime. */
  outro: string[];
}

const NEW_PASSWORD = { ask: [], button: "Choose a new password", isAlarm: false };
const SECURE = "There you can end every session, stop the password, and get a link for a new one.";
const NOT_ME = {
  ask: ["If this was you, there is nothing to do.", `If it was not you, open this link. ${SECURE}`],
  button: "This was not me",
  isAlarm: true,
  outro: [],
};

const LOST =
  "We have removed the passkeys or the authenticator app that were added since then, and new recovery codes.";
const LEFT =
  "Your passkeys and your authenticator app from before stay. If another mail says that one was added and it was not you, use the link in that mail too.";

/** The words of the mails, in English. The other languages have the same keys. */
export const mail = {
  labels: {
    account: "Account",
    email: "New address",
    time: "Time",
    device: "Device",
    address: "IP address",
  },
  linkBelow: "The button leads to this address:",
  valid: (time: string) => `The link works once, within ${time}.`,
  mails: {
    signup: {
      subject: ({ site }) => `Create your account at ${site}`,
      intro: ({ site }) => [`We were asked to create an account at ${site} with this email address.`],
      ask: [],
      button: "Create the account",
      isAlarm: false,
      outro: ["If you did not ask for it, you can ignore this mail. No account is created."],
    },
    signup_known: {
      ...NEW_PASSWORD,
      subject: ({ site }) => `You already have an account at ${site}`,
      intro: ({ site }) => [
        `We were asked to create an account at ${site} with this email address. It already has one.`,
        "You can log in with it. If you have forgotten the password, choose a new one.",
      ],
      outro: ["If you did not ask for an account, you can ignore this mail. Nothing changes."],
    },
    invite: {
      subject: ({ site }) => `You are invited to ${site}`,
      intro: ({ site }) => [`You are invited to create an account at ${site}.`],
      ask: [],
      button: "Create the account",
      isAlarm: false,
      outro: ["If you do not want an account, you can ignore this mail."],
    },
    password_reset: {
      ...NEW_PASSWORD,
      subject: ({ site }) => `Choose a new password for ${site}`,
      intro: ({ site }) => [`We were asked for a new password for your account at ${site}.`],
      outro: ["If you did not ask for it, you can ignore this mail. Your password does not change."],
    },
    secured: {
      ...NEW_PASSWORD,
      subject: ({ site }) => `Your account at ${site} is secured`,
      intro: ({ site, hasLostFactor = false, hasFactor = false }) => [
        `You have reported something that was not you at ${site}. Every session has ended, and your old password no longer works.`,
        ...(hasLostFactor ? [LOST] : []),
        ...(hasFactor ? [LEFT] : []),
      ],
      outro: ["If the link has expired, ask for a new password on the login page."],
    },
    email_change: {
      subject: ({ site }) => `Confirm your new email address for ${site}`,
      intro: ({ site }) => [`We were asked to use this email address for an account at ${site}.`],
      ask: [],
      button: "Confirm the address",
      isAlarm: false,
      outro: ["If the account is not yours, you can ignore this mail. Nothing changes."],
    },
    email_changed: {
      ...NOT_ME,
      subject: ({ site }) => `Your email address at ${site} was changed`,
      intro: ({ site }) => [
        `The email address of your account at ${site} was changed. Mail now goes to the new address, and no longer to this one.`,
      ],
      ask: [
        "If this was you, there is nothing to do.",
        "If it was not you, open this link. There you can restore this address, end every session, stop the password, and get a link for a new one.",
      ],
    },
    new_device: {
      ...NOT_ME,
      subject: ({ site }) => `New login to your account at ${site}`,
      intro: ({ site }) => [`A device that was not known before has logged in to your account at ${site}.`],
    },
    password_changed: {
      ...NOT_ME,
      subject: ({ site }) => `Your password at ${site} was changed`,
      intro: ({ site }) => [`The password of your account at ${site} was changed. All other sessions have ended.`],
    },
    sessions_ended: {
      ...NOT_ME,
      subject: ({ site }) => `Your sessions at ${site} were ended`,
      intro: ({ site }) => [
        `An administrator has ended the sessions of your account at ${site}. You can log in again.`,
      ],
      ask: [`If you think that another person uses your account, open this link. ${SECURE}`],
      button: "Secure my account",
    },
    many_failures: {
      ...NOT_ME,
      subject: ({ site }) => `Many wrong passwords for your account at ${site}`,
      intro: ({ site }) => [
        `Many wrong passwords in a row were entered for your account at ${site}. Further attempts now have to wait. The last one was this:`,
      ],
      ask: [
        "If you mistyped your password, there is nothing to do. If it was another person, a long password that you use nowhere else is safe from guesses.",
        `If you think that another person knows your password, open this link. ${SECURE}`,
      ],
      button: "Secure my account",
    },
    many_wrong_codes: {
      ...NOT_ME,
      subject: ({ site }) => `Many wrong codes for your account at ${site}`,
      intro: ({ site }) => [
        `Many wrong codes in a row were entered for your account at ${site}. Further codes now have to wait. The last one was this:`,
      ],
      ask: [
        "If you mistyped the codes, wait, or use another second factor.",
        `If it was not you, another person knows your password or is logged in to your account. Open this link. ${SECURE}`,
      ],
      button: "Secure my account",
    },
    factor_added: {
      ...NOT_ME,
      subject: ({ site }) => `A new way to log in to ${site} was added`,
      intro: ({ site }) => [
        `A passkey or an authenticator app was added to your account at ${site}. It can now be used to log in.`,
      ],
      ask: [
        "If this was you, there is nothing to do.",
        `If it was not you, open this link. It removes what was added since then. ${SECURE}`,
      ],
    },
    factor_removed: {
      ...NOT_ME,
      subject: ({ site }) => `A way to log in to ${site} was removed`,
      intro: ({ site }) => [`A passkey or the authenticator app was removed from your account at ${site}.`],
      ask: [
        "If you did this or asked for it, there is nothing to do.",
        `If it was not you, open this link. ${SECURE} Then add a second factor again.`,
      ],
    },
    recovery_code_used: {
      ...NOT_ME,
      subject: ({ site }) => `A recovery code for ${site} was used`,
      intro: ({ site }) => [
        `A recovery code of your account at ${site} was used in place of the second factor. It does not work again. The page “Security” shows how many are left.`,
      ],
      ask: [
        "If this was you, there is nothing to do.",
        `If it was not you, another person has your password and your recovery codes. Open this link. ${SECURE} After the next login, make new recovery codes.`,
      ],
    },
    recovery_codes_made: {
      ...NOT_ME,
      subject: ({ site }) => `New recovery codes for ${site} were made`,
      intro: ({ site }) => [
        `New recovery codes were made for your account at ${site}. The codes that you had before no longer work.`,
      ],
    },
    passkey_copied: {
      ...NOT_ME,
      subject: ({ site }) => `One of your passkeys for ${site} may have been copied`,
      intro: ({ site }) => [
        `A passkey of your account at ${site} was denied. It has sent an older counter than before, so there may be a copy of it.`,
      ],
      button: "Secure my account",
      ask: [
        "Remove this passkey on the page “Security”, and add a new one.",
        `If it was not you who used it, open this link. ${SECURE}`,
      ],
    },
  },
} satisfies MailWordsShape;

interface MailWordsShape {
  labels: Record<string, string>;
  linkBelow: string;
  valid: (time: string) => string;
  mails: Record<string, MailText>;
}

/** The shape of the words of a language. */
export interface MailWords {
  labels: Record<keyof (typeof mail)["labels"], string>;
  linkBelow: string;
  valid: (time: string) => string;
  mails: Record<keyof (typeof mail)["mails"], MailText>;
}
