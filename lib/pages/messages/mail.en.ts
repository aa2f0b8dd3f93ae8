/** What a mail is about. A text is empty if there is none. */
export interface MailAbout {
  site: string;
  username: string;
  email: string;
}

/** The text of one mail. The facts (account, time, device) stand between `intro` and the link. */
export interface MailText {
  subject: (about: MailAbout) => string;
  intro: (about: MailAbout) => string[];
  /** The text of the link. */
  button: string;
  /** After the sentence about the link's lifetime. */
  outro: (about: MailAbout) => string[];
}

const IGNORE = "If you did not ask for this, you can ignore this mail. Nothing changes.";
const NOT_ME = "This was not me";
const NOT_ME_ABOUT = [
  "If this was you, there is nothing to do.",
  "If not, open the link. It ends every session, stops the password and sends you a link for a new one.",
];

/** The words of the mails, in English. The other languages have the same keys. */
export const mail = {
  labels: {
    account: "Account",
    email: "New email address",
    time: "Time",
    device: "Device",
    address: "IP address",
  },
  valid: (time: string) => `The link works once, within ${time}.`,
  mails: {
    signup: {
      subject: ({ site }) => `Create your account at ${site}`,
      intro: ({ site }) => [`This address was given to create an account at ${site}.`],
      button: "Create the account",
      outro: () => [IGNORE],
    },
    signup_known: {
      subject: ({ site }) => `You have an account at ${site} already`,
      intro: ({ site }) => [
        `This address was given to create an account at ${site}. It has one already.`,
        "If you have forgotten the password, you can choose a new one.",
      ],
      button: "Choose a new password",
      outro: () => [IGNORE],
    },
    invite: {
      subject: ({ site }) => `You are invited to ${site}`,
      intro: ({ site }) => [`You are invited to create an account at ${site}.`],
      button: "Create the account",
      outro: () => ["If you do not want an account, you can ignore this mail."],
    },
    password_reset: {
      subject: ({ site }) => `Choose a new password for ${site}`,
      intro: ({ site }) => [`A new password was asked for, for your account at ${site}.`],
      button: "Choose a new password",
      outro: () => [IGNORE],
    },
    email_change: {
      subject: ({ site }) => `Confirm your new address for ${site}`,
      intro: ({ site }) => [`This address is to be the new one of an account at ${site}.`],
      button: "Confirm the address",
      outro: () => [IGNORE],
    },
    email_changed: {
      subject: ({ site }) => `Your address at ${site} was changed`,
      intro: ({ site }) => [
        `The email address of your account at ${site} was changed. Mail no longer goes to this one.`,
      ],
      button: NOT_ME,
      outro: () => [
        "If this was you, there is nothing to do.",
        "If not, open the link. It restores this address, ends every session and stops the password. You get a link for a new one.",
      ],
    },
    new_device: {
      subject: ({ site }) => `New login to your account at ${site}`,
      intro: ({ site }) => [`A browser that was not known before logged in to your account at ${site}.`],
      button: NOT_ME,
      outro: () => NOT_ME_ABOUT,
    },
    password_changed: {
      subject: ({ site }) => `Your password at ${site} was changed`,
      intro: ({ site }) => [`The password of your account at ${site} was changed.`],
      button: NOT_ME,
      outro: () => NOT_ME_ABOUT,
    },
    sessions_ended: {
      subject: ({ site }) => `You were logged out at ${site}`,
      intro: ({ site }) => [`An administrator has ended the sessions of your account at ${site}.`],
      button: NOT_ME,
      outro: () => [
        "You can log in again.",
        "If you think that another person uses your account, open the link. It sends you a link for a new password.",
      ],
    },
    many_failures: {
      subject: ({ site }) => `Many wrong passwords for your account at ${site}`,
      intro: ({ site }) => [
        `Many wrong passwords were typed for your account at ${site}. Logins from unknown devices now have to wait.`,
      ],
      button: NOT_ME,
      outro: () => NOT_ME_ABOUT,
    },
  },
} satisfies MailWordsShape;

interface MailWordsShape {
  labels: Record<string, string>;
  valid: (time: string) => string;
  mails: Record<string, MailText>;
}

/** The shape of the words of a language. */
export interface MailWords {
  labels: Record<keyof (typeof mail)["labels"], string>;
  valid: (time: string) => string;
  mails: Record<keyof (typeof mail)["mails"], MailText>;
}
