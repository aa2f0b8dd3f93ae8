/** The texts about second factors, in English. */
export const security = {
  security: "Security",
  securityAbout: "This is how you prove that it is you.",
  securityRequired: "This site demands a second factor. Set one up to go on.",
  securityMore: "A second factor protects your account if another person learns the password.",
  goToSecurity: "Second factors and recovery codes",

  authenticator: "Authenticator app",
  authenticatorAbout: "An app shows a new code every 30 seconds. After the password, you enter the code.",
  authenticatorSince: "Set up",
  lastUsed: "Last used",
  authenticatorUnreadable: "The server can no longer check the codes of your app. Set it up again.",
  setUpAuthenticator: "Set up an authenticator app",
  setUpAnother: "Set up another app",
  authenticatorAdded: "The authenticator app is set up.",
  removeAuthenticator: "Remove the app…",
  removeAuthenticatorAbout: "The codes of the app stop working.",
  removeLastAbout: "No second factor is left then. The recovery codes are deleted too.",
  removeRequiredAbout: "No second factor is left then, and this site demands one. You have to set one up at once.",
  removeAuthenticatorNow: "Yes, remove the app",
  authenticatorRemoved: "The authenticator app is removed.",

  scanAbout: "Scan this QR code with your authenticator app.",
  scanReplaces: "It takes the place of the app that you use now when you confirm the code.",
  qrCode: "QR code for the authenticator app",
  openApp: "Open the app on this device",
  typeKey: "If you cannot scan it, enter this key in the app:",
  confirmAbout: "Then enter the code that the app shows. It has six digits.",
  confirmApp: "Confirm",
  setupExpired: "The setup has expired",
  setupExpiredAbout:
    "A QR code works for 10 minutes and for five wrong codes. Delete its entry in the app, and start again.",
  startAgain: "Start again",

  recoveryCodes: "Recovery codes",
  recoveryAbout: "Without your phone, each recovery code logs you in once.",
  recoveryLater: "You get ten when you set up a second factor.",
  recoveryLeft: (left: number) =>
    left === 0 ? "No code is left." : left === 1 ? "1 code is left." : `${left} codes are left.`,
  recoveryFew: "Make new codes now.",
  makeCodes: "Make new codes…",
  makeCodesAbout: "The codes that you have now stop working.",
  makeCodesNow: "Yes, make new codes",
  recoveryOnce:
    "These codes are shown once. Print them, or store them in a password manager. Each one logs you in once, in place of the second factor.",
  recoveryFor: (username: string, site: string) => `For ${username} at ${site}`,
  copy: "Copy",
  copied: "Copied",
  print: "Print",
  codesStored: "I have stored the codes",

  rememberedBrowsers: "Remembered browsers",
  rememberedWhere: "A login from a remembered browser needs no second factor. The list of sessions shows them.",
  goToSessions: "Sessions and devices",
  rememberBrowser: (days: number) =>
    `Do not ask for a code on this browser for ${days === 1 ? "one day" : `${days} days`}. Only on a device of your own.`,

  proveTitle: "Confirm that it is you",
  proveAbout: "Before you go on, confirm that it is you.",
  proveAgain: "Nothing has happened yet. After this step, do it again.",
  proveByPassword: "Confirm",
  proveByApp: "Or with your authenticator app",
  proveByCode: "Confirm with the code",
  proveCodeAbout: "A recovery code does not work here.",
  proveSecond: "This page needs your second factor. Enter the code of your authenticator app.",
  proveNoWay: "There is no way to confirm it in this browser. Log out, and log in again.",
  proved: "You have confirmed that it is you. You can go on now.",
  rememberedUntil: "Remembered until",
  rememberedAbout: "A remembered browser needs no code at the login. If you forget it, it needs one again.",

  notMeFactors: "Each passkey and authenticator app that was added since then is removed. Those from before stay.",
  factorsLost:
    "We have removed the passkeys or the authenticator app that were added since then, and new recovery codes.",
  factorsLeft:
    "Your passkeys and your authenticator app from before stay. If another mail says that one was added and it was not you, use the link in that mail too.",
};

export type SecurityWords = typeof security;
