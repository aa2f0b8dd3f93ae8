/** The words of the pages about an account, in English. The other languages have the same keys. */
export const account = {
  username: "Username",
  password: "Password",
  email: "Email address",
  firstName: "First name",
  lastName: "Last name",
  show: "Show",
  hide: "Hide",
  optional: "optional",
  cancel: "Cancel",
  older: "Older",

  logIn: "Log in",
  logInTo: (site: string) => `Log in to ${site}`,
  logInToContinue: "Log in to continue.",
  logInToContinueTo: (page: string) => `Log in to continue to “${page}”.`,
  waitOver: "now",
  justNow: "just now",
  logOut: "Log out",
  loggedOut: "You are logged out.",
  forgotPassword: "Forgot your password?",
  noUsers: "There are no users yet.",
  noUsersLink: "To create the first one, open the link that the server printed when it started.",
  noUsersCommand: "Without the link, run this command on the server:",

  profile: "Profile",
  previousLogin: "Previous login",
  noPreviousLogin: "None on record",
  yourDetails: "Your details",
  detailsAbout: "You can leave these empty.",
  save: "Save",
  saved: "Your details are saved.",
  emailLinkSent: "We have sent you a link. Open it to confirm the address.",
  emailPending: (next: string, email: string) =>
    next === email || email === ""
      ? `We have sent a link to ${next}. Open it to confirm the address.`
      : `We have sent a link to ${next}. Until you open it, ${email} stays.`,
  emailProved: (email: string) => `${email} is confirmed. You can log in with it.`,
  emailUnproved: (email: string) => `${email} is not confirmed yet.`,
  sendEmailLink: "Send a link to confirm the address",
  confirmEmail: "Confirm the email address",
  confirmEmailAbout: (username: string) =>
    `If you confirm, this address belongs to the account ${username} and gets all of its mail.`,
  confirmEmailWarning: (username: string) =>
    `If ${username} is not your account, close this page. Then nothing changes.`,
  confirmEmailNow: "Confirm the address",
  emailConfirmed: "The email address is confirmed.",
  confirmEmailReplaces: (email: string) => `It replaces ${email}.`,
  passwordAbout: "A new password logs you out everywhere else.",

  changePassword: "Change password",
  currentPassword: "Current password",
  newPassword: "New password",
  passwordChanged: "Your password is changed. You are logged out everywhere else.",
  passwordRule: (min: number) =>
    `At least ${min} characters. Avoid common passwords, your own names and the name of this site.`,

  resetPassword: "Choose a new password",
  resetAbout: "Enter your username or your email address. We send you a link for a new password.",
  usernameOrEmail: "Username or email address",
  sendLink: "Send the link",
  checkYourMail: "Check your mail",
  resetSentAbout:
    "If there is an account with this name or address, a mail with a link is on its way. The link works for 30 minutes.",
  resetSentHelp:
    "No mail? Look in your spam folder. If you gave an address, try your username: your account may have another address. If it has none, ask the operator of this site.",
  resetAgain: "Try again",
  setPassword: "Set the password",

  notMe: "This was not me",
  notMeAbout:
    "This ends every session of your account, and your password stops working. We send you a link for a new one.",
  notMeRestores: (email: string) =>
    `This makes ${email} the address of your account again and ends every session. Your password stops working, and we send you a link for a new one.`,
  notMeMoved: "This ends every session of your account.",
  secureAccount: "Secure my account",
  secured: "Your account is secured",
  securedAbout:
    "Every session has ended, and your password no longer works. A mail with a link for a new one is on its way. The link works for 30 minutes.",
  securedHelp: "No mail? Look in your spam folder, or ask for another link.",
  allEnded: "Every session has ended",
  movedAbout: (subject: string) =>
    `Your account has another email address now, so we did not send you a link for a new password. If you did not change the address, look for the mail “${subject}”. Its link restores this address.`,

  sessions: "Sessions",
  sessionsAbout: "These devices are logged in to your account. Log out each one that you do not recognise.",
  sessionsPassword: "Then change your password.",
  thisDevice: "This device",
  unknownDevice: "Unknown device",
  deviceOn: (browser: string, system: string) => `${browser} on ${system}`,
  loggedInAt: "Logged in",
  lastSeenAt: "Last seen",
  logOutOthers: "Log out all other devices…",
  logOutOthersAbout: "You stay logged in on this device alone.",
  logOutOthersNow: "Yes, log out all others",
  sessionEnded: "The device is logged out.",
  deviceLoggedOut: (device: string) => `${device} is logged out.`,
  othersEnded: "All other devices are logged out.",

  devices: "Known devices",
  devicesAbout:
    "These browsers have logged in to your account before. They can still log in while a stranger guesses passwords. Forget each one that is not yours.",
  knownSince: "Known since",
  lastLogin: "Last login",
  forgetDevice: "Forget",
  deviceForgotten: "The device is forgotten.",

  activity: "Activity",
  activityAbout: "This is what happened in your account.",
  activityPassword: "Not you? Change your password.",
  events: {
    login: "Logged in",
    login_failed: "Wrong password",
    login_throttled: "Too many wrong passwords",
    logout: "Logged out",
    sessions_ended: "Logged out elsewhere",
    device_forgotten: "Device forgotten",
    password_changed: "Password changed",
    reset_requested: "New password requested",
    password_reset: "New password set by a link",
    invited: "Invited",
    signed_up: "Account created",
    email_change_requested: "New email address requested",
    email_changed: "Email address changed",
    email_restored: "Former email address restored",
    reported: "Reported: this was not me",
    exported: "Data exported",
    mail_failed: "A mail could not be delivered",
    set_up: "Account created",
    user_made: "Account created",
    user_changed: "Details changed",
    user_activated: "Account activated",
    user_deactivated: "Account deactivated",
    user_deleted: "Account deleted",
    group_made: "Group created",
    group_deleted: "Group deleted",
    added_to_group: (group: string) => `You were added to the group ${group}`,
    removed_from_group: (group: string) => `You were removed from the group ${group}`,
    events_cut: "Older activity deleted",
    trail_sealed: "Activity log sealed",
  },
  /** The user and unknown people are not named. */
  by: {
    operator: "by an administrator",
    system: "automatically",
    other: "by another account",
  },

  setUpSite: (site: string) => `Set up ${site}`,
  setUpAbout:
    "Create the first user. The user is marked as staff and superuser: your applications decide what that allows.",
  createUser: "Create user",

  signUp: "Create an account",
  signUpAt: (site: string) => `Create an account at ${site}`,
  signUpAbout: "Enter your email address. We send you a link to create the account.",
  signUpSent: (email: string) =>
    `If ${email} is your address, a mail with a link is on its way. The link works for 24 hours.`,
  mailHelp: "No mail? Look in your spam folder, and check the spelling of the address.",
  otherAddress: "Enter the address again",
  createAccount: "Create the account",
  signUpFor: (email: string) => `Choose a username and a password for the account of ${email}.`,
  requestedAt: "Requested",
  invitedAt: "Invited",
  notRequested: "If you did not ask for this, close the page. Nothing changes.",

  deadLink: "This link no longer works",
  deadLinkAbout: "A link works once and for a limited time, and a newer one takes its place. Ask for a new one.",
  askForNewPassword: "Ask for a new password",

  tryAgain: "Try again",
  goToLogin: "Go to the login",
  goHome: "Go to the home page",
  reference: "Reference",
};

export type AccountWords = typeof account;
