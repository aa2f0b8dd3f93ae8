import type { FormDefinition } from "../pages/form.ts";
import { MAX_EMAIL_CHARACTERS, MAX_NAME_CHARACTERS } from "../users/user-fields.ts";
import { normalizeUsername } from "../users/username.ts";

// Each form is one value. The parser of its body (`readFields`), its page, and the form with its errors come from it.

const PERSON_NAME = { trim: true, mayBeBlank: true, maxCharacters: MAX_NAME_CHARACTERS } as const;

const EMAIL = {
  label: "email",
  type: "email",
  autocomplete: "email",
  trim: true,
  mayBeBlank: true,
  maxCharacters: MAX_EMAIL_CHARACTERS,
  isEmail: true,
} as const;

/** White space belongs to a password. */
const PASSWORD = { type: "password", trim: false } as const;

export const LOGIN_FORM = {
  action: "/login/",
  button: "logIn",
  fields: {
    username: { label: "username", autocomplete: "username webauthn", trim: true },
    password: { ...PASSWORD, label: "password", autocomplete: "current-password" },
  },
} as const satisfies FormDefinition;

/** With mail. */
export const LOGIN_BY_ADDRESS_FORM = {
  ...LOGIN_FORM,
  fields: { ...LOGIN_FORM.fields, username: { ...LOGIN_FORM.fields.username, label: "usernameOrEmail" } },
} as const satisfies FormDefinition;

export const PROFILE_FORM = {
  action: "/profile/",
  button: "save",
  fields: {
    first_name: { ...PERSON_NAME, label: "firstName", autocomplete: "given-name" },
    last_name: { ...PERSON_NAME, label: "lastName", autocomplete: "family-name" },
    email: EMAIL,
  },
} as const satisfies FormDefinition;

export const CONFIRM_EMAIL_FORM = {
  action: "/email/confirm/",
  button: "confirmEmailNow",
  fields: {},
} as const satisfies FormDefinition;

export const PASSWORD_FORM = {
  action: "/password/change/",
  button: "changePassword",
  cancelUrl: "/profile/",
  keep: "current_password",
  fields: {
    current_password: { ...PASSWORD, label: "currentPassword", autocomplete: "current-password" },
    new_password: { ...PASSWORD, label: "newPassword", autocomplete: "new-password", showsPasswordRule: true },
  },
} as const satisfies FormDefinition;

export const RESET_REQUEST_FORM = {
  action: "/password/reset/",
  button: "sendLink",
  cancelUrl: "/login/",
  fields: {
    username: {
      label: "usernameOrEmail",
      autocomplete: "username",
      trim: true,
      maxCharacters: MAX_EMAIL_CHARACTERS,
    },
  },
} as const satisfies FormDefinition;

export const NEW_PASSWORD_FORM = {
  action: "/password/reset/confirm/",
  button: "setPassword",
  fields: {
    new_password: { ...PASSWORD, label: "newPassword", autocomplete: "new-password", showsPasswordRule: true },
  },
} as const satisfies FormDefinition;

const NEW_USERNAME = {
  label: "username",
  autocomplete: "username",
  trim: true,
  normalize: normalizeUsername,
  maxCharacters: MAX_NAME_CHARACTERS,
} as const;

const NEW_PASSWORD = { ...PASSWORD, label: "password", autocomplete: "new-password", showsPasswordRule: true } as const;

export const SIGNUP_FORM = {
  action: "/signup/",
  button: "sendLink",
  cancelUrl: "/login/",
  fields: { email: { ...EMAIL, mayBeBlank: false } },
} as const satisfies FormDefinition;

/** The form behind the link. */
export const SIGNUP_CONFIRM_FORM = {
  action: "/signup/confirm/",
  button: "createAccount",
  fields: { username: NEW_USERNAME, password: NEW_PASSWORD },
} as const satisfies FormDefinition;

export const DELETION_FORM = {
  action: "/account/delete/",
  button: "deleteAccountNow",
  isDangerous: true,
  cancelUrl: "/profile/",
  fields: { password: { ...PASSWORD, label: "currentPassword", autocomplete: "current-password" } },
} as const satisfies FormDefinition;

export const SET_UP_FORM = {
  action: "/setup/",
  button: "createUser",
  fields: {
    username: NEW_USERNAME,
    email: EMAIL,
    password: NEW_PASSWORD,
  },
} as const satisfies FormDefinition;
