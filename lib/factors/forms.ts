import type { FormDefinition } from "../pages/form.ts";

/** RFC 4226's code has 6 digits, and a recovery code 16 characters and its hyphens. */
const CODE = { label: "code", autocomplete: "one-time-code", trim: true, maxCharacters: 64 } as const;

/** For a user who is logged in. */
export const PROVE_PASSWORD_FORM = {
  action: "/reauth/",
  button: "proveByPassword",
  fields: { password: { label: "password", type: "password", autocomplete: "current-password", trim: false } },
} as const satisfies FormDefinition;

export const PROVE_CODE_FORM = {
  action: "/reauth/",
  button: "proveByCode",
  fields: { code: CODE },
} as const satisfies FormDefinition;

export const SECOND_FACTOR_FORM = {
  action: "/login/second-factor/",
  button: "logIn",
  cancelUrl: "/login/",
  fields: { code: CODE },
} as const satisfies FormDefinition;

/** The field `token` stands beside it, hidden. */
export const CONFIRM_TOTP_FORM = {
  action: "/security/authenticator/confirm/",
  button: "confirmApp",
  cancelUrl: "/security/",
  fields: { code: CODE },
} as const satisfies FormDefinition;

/** A token of 32 characters. */
export const SETUP_TOKEN = { trim: true, maxCharacters: 64 } as const;
