import type { Option } from "./option.ts";
import { parseInteger, parseOrigins } from "./parse-setting.ts";

const REQUIREMENTS = ["off", "staff", "all"] as const;

/** The settings of second factors and passkeys. */
export const FACTOR_OPTIONS = {
  requireSecondFactor: {
    name: "POSTERN_REQUIRE_SECOND_FACTOR",
    default: "off",
    parse: (text) => REQUIREMENTS.find((name) => name === text) ?? null,
    expected: "off, staff or all",
    about:
      "Which users must have a second factor: none, `staff` (with superusers), or `all`. After the login, a user without " +
      "one can only set one up.",
  } satisfies Option<(typeof REQUIREMENTS)[number]>,
  recentLoginSeconds: {
    name: "POSTERN_RECENT_LOGIN_SECONDS",
    default: "600",
    parse: (text) => parseInteger(text, 30, 86_400),
    expected: "a whole number from 30 to 86400",
    about:
      "Sensitive changes need a proof that the user is present: a password, a code or a passkey. A proof counts this long " +
      "(10 minutes).",
  } satisfies Option<number>,
  trustBrowserDays: {
    name: "POSTERN_TRUST_BROWSER_DAYS",
    default: "30",
    parse: (text) => parseInteger(text, 0, 365),
    expected: "a whole number from 0 to 365",
    about:
      "Days for which a user can have a browser remembered, so that its logins need no second factor; `0` for never.",
  } satisfies Option<number>,
  passkeyDomain: {
    name: "POSTERN_PASSKEY_DOMAIN",
    default: null,
    parse: (text) => (/^([a-z0-9-]+\.)*[a-z0-9-]+$/i.test(text) ? text.toLowerCase() : null),
    expected: "a domain such as example.com",
    about:
      "The domain of the passkeys (the RP ID), in place of the host of PUBLIC_URL: that host or a parent domain of it. If " +
      "it changes, no existing passkey works any more.",
  } satisfies Option<string>,
  passkeyOrigins: {
    name: "POSTERN_PASSKEY_ORIGINS",
    default: "",
    parse: parseOrigins,
    expected: "origins such as https://example.org, separated by commas",
    about:
      "Origins of other sites that may use the same passkeys, listed in `/.well-known/webauthn` (related origins).",
  } satisfies Option<ReadonlySet<string>>,
};
