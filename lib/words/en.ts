/** Every word that a page says, in English. The other languages have the same keys. */
export const en = {
  username: "Username",
  password: "Password",
  email: "Email address",
  firstName: "First name",
  lastName: "Last name",
  show: "Show",
  hide: "Hide",
  optional: "optional",
  backHome: "Go to your profile",

  logIn: "Log in",
  logOut: "Log out",
  loggedOut: "You are logged out.",
  loginNeeded: "Log in to go on.",

  profile: "Profile",
  lastLogin: "Last login",
  noLogin: "never",
  yourDetails: "Your details",
  save: "Save",
  saved: "Your details are saved.",
  passwordAbout: "Changing it ends every other session.",

  changePassword: "Change password",
  currentPassword: "Current password",
  newPassword: "New password",
  passwordChanged: "Your password is changed, and every other session is ended.",

  sessions: "Sessions",
  sessionsAbout: "Where you are logged in. End every session that you do not recognise, and change your password.",
  thisDevice: "This device",
  unknownDevice: "Unknown device",
  deviceOn: (browser: string, system: string) => `${browser} on ${system}`,
  startedAt: "Started",
  lastSeenAt: "Last seen",
  endSession: "End",
  endSessionOf: (device: string) => `End the session of ${device}`,
  endOthers: "End all other sessions",
  sessionEnded: "The session is ended.",
  othersEnded: "Every other session is ended.",

  activity: "Activity",
  activityAbout: "What has happened to your account. Change your password where it was not you.",
  older: "Older",
  events: {
    login: "Logged in",
    login_failed: "Login refused",
    login_throttled: "Logins refused for a while",
    logout: "Logged out",
    sessions_ended: "Sessions ended",
    password_changed: "Password changed",
    set_up: "Set up",
    user_made: "Account made",
    user_changed: "Details changed",
    user_activated: "Account activated",
    user_deactivated: "Account deactivated",
    user_deleted: "Account deleted",
  },
  by: {
    you: "by you",
    operator: "by an operator",
    nobody: "by nobody known",
    other: "by somebody else",
  },

  setUp: "Set up",
  setUpAbout: "Make the first user, who may do everything.",
  createUser: "Create user",

  error: "Error",
  problems: {
    400: ["Bad request", "Your browser sent something that cannot be understood."],
    403: ["Refused", "This request did not come from one of our own pages. Go back, reload the page, and try again."],
    404: ["Not found", "There is nothing at this address."],
    405: ["Not possible", "This address cannot be used in that way."],
    406: ["Not available", "There is no page of the kind your browser asked for."],
    408: ["Too slow", "Your request did not arrive in time. Try again."],
    413: ["Too large", "What you sent is too large."],
    415: ["Bad request", "Your browser sent a kind of data that is not understood."],
    429: ["Too many attempts", "Wait a little, and try again."],
    500: ["Something went wrong", "It is our fault, and has been noted. Try again later."],
    503: ["Busy", "The server cannot answer right now. Try again in a moment."],
  } as Record<number, readonly [title: string, text: string]>,

  /** What the wire says, where a page says it otherwise. Everything else it says as the wire does. */
  messages: {
    "Request was throttled. Expected available in {0} seconds.": "Too many attempts. Try again in {0} seconds.",
    "The server is busy. Expected available in {0} seconds.": "The server is busy. Try again in {0} seconds.",
  } as Record<string, string>,
};

export type Words = typeof en;
