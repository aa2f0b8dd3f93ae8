import { activity } from "./account/activity.ts";
import { changePassword, renderChangePassword, showChangePassword } from "./account/change-password.ts";
import { confirmEmail, renderConfirmEmail, showConfirmEmail } from "./account/confirm-email.ts";
import { confirmSignup, renderConfirmSignup, showConfirmSignup } from "./account/confirm-signup.ts";
import { deleteAccount, renderDeleteAccount, showDeleteAccount } from "./account/delete-account.ts";
import { devices, forgetDevice } from "./account/devices.ts";
import { exportAccount } from "./account/export-account.ts";
import { login, renderLogin, showLogin } from "./account/login.ts";
import { logout } from "./account/logout.ts";
import { report, showReport, showReported } from "./account/not-me.ts";
import {
  cancelEmail,
  editProfile,
  home,
  profile,
  proveEmail,
  renderProfile,
  renderProveEmail,
} from "./account/profile.ts";
import { renderRequestReset, requestReset, showRequestReset, showResetRequested } from "./account/request-reset.ts";
import { renderRequestSignup, requestSignup, showRequestSignup } from "./account/request-signup.ts";
import { renderResetPassword, resetPassword, showResetPassword } from "./account/reset-password.ts";
import { endOtherSessions, endSession, sessions } from "./account/sessions.ts";
import { renderSetUp, setUp, showSetUp } from "./account/set-up.ts";
import type { Route } from "./context.ts";
import {
  confirmAuthenticator,
  removeAuthenticator,
  renderConfirm,
  setUpAuthenticator,
} from "./factors/authenticator.ts";
import { passkeyLogin, passkeyLoginOptions } from "./factors/passkey-login.ts";
import { passkeyFactor, passkeyFactorOptions } from "./factors/passkey-second-factor.ts";
import { createPasskey, deletePasskey, editPasskey, newPasskeyOptions, passkeys } from "./factors/passkeys.ts";
import { reauth, renderReauth, showReauth } from "./factors/reauth.ts";
import { reauthPasskey, reauthPasskeyOptions } from "./factors/reauth-passkey.ts";
import { newRecoveryCodes } from "./factors/recovery-codes.ts";
import { renderSecondFactor, secondFactor, showSecondFactor } from "./factors/second-factor.ts";
import { backToSecurity, security } from "./factors/security.ts";
import { envoyAuth, forwardedAuth, nginxAuth, whoAsks } from "./forward/forward-auth.ts";
import { keySet } from "./forward/key-set.ts";
import { alive } from "./ops/alive.ts";
import { metrics } from "./ops/metrics.ts";
import { ready } from "./ops/ready.ts";
import {
  anyone,
  authenticated,
  authenticatedForSetUp,
  deletionEnabled,
  freshLogin,
  opsOnly,
  probe,
  recent,
  recentDownload,
  recentForSetUp,
  trustedProxy,
} from "./pipeline/guards.ts";
import {
  emailLink,
  mailEnabled,
  mailedUser,
  notMeLink,
  resetLink,
  setupToken,
  signupLink,
  signupOpen,
} from "./pipeline/link-guards.ts";
import { passkeyEnabled, passkeyForSetUp, passkeyPending, passkeyRecentForSetUp } from "./pipeline/passkey-guards.ts";
import { pendingLogin } from "./pipeline/pending-guard.ts";
import { api, asset, forward, ops, page, unthrottled } from "./pipeline/router.ts";
import { clientModule, clientTypes, favicon, hashedAsset } from "./site/asset.ts";
import { changePasswordUrl, passkeyEndpoints, relatedOrigins, robots, securityTxt } from "./site/well-known.ts";
import { passwordAttempts } from "./throttle/attempts.ts";
import { exportRequests } from "./throttle/export-requests.ts";
import { factorAttempts } from "./throttle/factor-attempts.ts";
import { linkAttempts } from "./throttle/link-attempts.ts";
import { mailRequests } from "./throttle/mail-requests.ts";
import { passkeyRequests } from "./throttle/passkey-requests.ts";
import { proofAttempts } from "./throttle/proof-attempts.ts";
import { setupAttempts } from "./throttle/setup-attempts.ts";

/**
 * Every endpoint: method, path, guard, throttle, handler, and the handler that shows a form again with its errors. HEAD
 * and OPTIONS follow from these. `page` is for browsers alone: to a program the endpoint does not exist.
 */
export const ROUTES: readonly Route[] = [
  api("POST", "/login/", anyone, passwordAttempts, login, renderLogin),
  api("POST", "/login/second-factor/", pendingLogin, factorAttempts, secondFactor, renderSecondFactor),
  api("POST", "/reauth/", authenticatedForSetUp, proofAttempts, reauth, renderReauth),
  api("POST", "/login/second-factor/passkey/options/", passkeyPending, passkeyRequests, passkeyFactorOptions),
  api("POST", "/login/second-factor/passkey/", passkeyPending, passkeyRequests, passkeyFactor),
  api("POST", "/login/passkey/options/", passkeyEnabled, passkeyRequests, passkeyLoginOptions),
  api("POST", "/login/passkey/", passkeyEnabled, passkeyRequests, passkeyLogin),
  api("POST", "/reauth/passkey/options/", passkeyForSetUp, passkeyRequests, reauthPasskeyOptions),
  api("POST", "/reauth/passkey/", passkeyForSetUp, passkeyRequests, reauthPasskey),
  api("POST", "/logout/", anyone, unthrottled, logout),
  api("GET", "/profile/", authenticated, unthrottled, profile),
  api("PATCH", "/profile/", authenticated, mailRequests, editProfile),
  api("POST", "/email/prove/", mailedUser, mailRequests, proveEmail, renderProveEmail),
  api("POST", "/email/cancel/", mailedUser, unthrottled, cancelEmail),
  api("POST", "/email/confirm/", emailLink, unthrottled, confirmEmail, renderConfirmEmail),
  api("POST", "/password/change/", authenticated, passwordAttempts, changePassword, renderChangePassword),
  api("POST", "/password/reset/", mailEnabled, mailRequests, requestReset, renderRequestReset),
  api("POST", "/password/reset/confirm/", resetLink, linkAttempts, resetPassword, renderResetPassword),
  api("POST", "/not-me/", notMeLink, unthrottled, report),
  api("POST", "/signup/", signupOpen, mailRequests, requestSignup, renderRequestSignup),
  api("POST", "/signup/confirm/", signupLink, linkAttempts, confirmSignup, renderConfirmSignup),
  api("POST", "/security/passkeys/options/", passkeyRecentForSetUp, passkeyRequests, newPasskeyOptions),
  api("GET", "/security/passkeys/", authenticatedForSetUp, unthrottled, passkeys),
  api("POST", "/security/passkeys/", passkeyRecentForSetUp, passkeyRequests, createPasskey),
  api("PATCH", "/security/passkeys/:id/", recent, unthrottled, editPasskey),
  api("DELETE", "/security/passkeys/:id/", recent, unthrottled, deletePasskey),
  api("GET", "/sessions/", authenticated, unthrottled, sessions),
  api("DELETE", "/sessions/", freshLogin, unthrottled, endOtherSessions),
  api("DELETE", "/sessions/:id/", authenticated, unthrottled, endSession),
  api("GET", "/devices/", authenticated, unthrottled, devices),
  api("DELETE", "/devices/:id/", authenticated, unthrottled, forgetDevice),
  api("GET", "/activity/", authenticated, unthrottled, activity),
  api("GET", "/account/export/", recentDownload, exportRequests, exportAccount),
  api("POST", "/account/delete/", deletionEnabled, passwordAttempts, deleteAccount, renderDeleteAccount),
  api("GET", "/security/", authenticatedForSetUp, unthrottled, security),
  api("POST", "/security/authenticator/", recentForSetUp, unthrottled, setUpAuthenticator),
  api("POST", "/security/authenticator/confirm/", recentForSetUp, setupAttempts, confirmAuthenticator, renderConfirm),
  api("DELETE", "/security/authenticator/", recent, unthrottled, removeAuthenticator),
  api("POST", "/security/recovery-codes/", recent, unthrottled, newRecoveryCodes),

  page("GET", "/", anyone, unthrottled, home),
  page("GET", "/login/", anyone, unthrottled, showLogin),
  page("GET", "/login/second-factor/", pendingLogin, unthrottled, showSecondFactor),
  page("GET", "/reauth/", authenticatedForSetUp, unthrottled, showReauth),
  page("POST", "/profile/", authenticated, mailRequests, editProfile, renderProfile),
  page("GET", "/email/confirm/", emailLink, unthrottled, showConfirmEmail),
  page("GET", "/password/change/", authenticated, unthrottled, showChangePassword),
  page("GET", "/password/reset/", mailEnabled, unthrottled, showRequestReset),
  page("GET", "/password/reset/sent/", mailEnabled, unthrottled, showResetRequested),
  page("GET", "/password/reset/confirm/", resetLink, unthrottled, showResetPassword),
  page("GET", "/not-me/", notMeLink, unthrottled, showReport),
  page("GET", "/not-me/done/", mailEnabled, unthrottled, showReported),
  page("GET", "/signup/", signupOpen, unthrottled, showRequestSignup),
  page("GET", "/signup/confirm/", signupLink, unthrottled, showConfirmSignup),
  page("GET", "/account/delete/", deletionEnabled, unthrottled, showDeleteAccount),
  page("POST", "/sessions/", freshLogin, unthrottled, endOtherSessions),
  page("POST", "/sessions/:id/", authenticated, unthrottled, endSession),
  page("POST", "/devices/:id/", authenticated, unthrottled, forgetDevice),
  page("GET", "/security/authenticator/", authenticatedForSetUp, unthrottled, backToSecurity),
  page("GET", "/security/authenticator/confirm/", authenticatedForSetUp, unthrottled, backToSecurity),
  page("POST", "/security/authenticator/remove/", recent, unthrottled, removeAuthenticator),
  page("GET", "/security/recovery-codes/", authenticatedForSetUp, unthrottled, backToSecurity),
  page("POST", "/security/passkeys/:id/", recent, unthrottled, deletePasskey),
  page("POST", "/security/passkeys/:id/name/", recent, unthrottled, editPasskey),
  page("GET", "/setup/", setupToken, unthrottled, showSetUp),
  page("POST", "/setup/", setupToken, unthrottled, setUp, renderSetUp),

  forward("GET", "/auth/", anyone, whoAsks),
  forward("ANY", "/auth/nginx/", trustedProxy, nginxAuth),
  forward("ANY", "/auth/caddy/", trustedProxy, forwardedAuth),
  forward("ANY", "/auth/traefik/", trustedProxy, forwardedAuth),
  forward("ANY", "/auth/haproxy/", trustedProxy, forwardedAuth),
  forward("ANY", "/auth/envoy/*", trustedProxy, envoyAuth),

  asset("/static/:name", hashedAsset),
  asset("/client.js", clientModule),
  asset("/client.d.ts", clientTypes),
  asset("/favicon.ico", favicon),
  asset("/robots.txt", robots),
  asset("/.well-known/jwks.json", keySet),
  asset("/.well-known/security.txt", securityTxt),
  asset("/.well-known/change-password", changePasswordUrl),
  asset("/.well-known/passkey-endpoints", passkeyEndpoints),
  asset("/.well-known/webauthn", relatedOrigins),

  ops("/healthz", probe, alive),
  ops("/readyz", probe, ready),
  ops("/metrics", opsOnly, metrics),
];
