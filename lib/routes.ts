import { activity } from "./account/activity.ts";
import { changePassword, showChangePassword, showChangePasswordAgain } from "./account/change-password.ts";
import { devices, forgetDevice } from "./account/devices.ts";
import { login, showLogin, showLoginAgain } from "./account/login.ts";
import { logout } from "./account/logout.ts";
import { editProfile, home, profile, showProfileAgain } from "./account/profile.ts";
import { endOtherSessions, endSession, sessions } from "./account/sessions.ts";
import { setUp, showSetUp, showSetUpAgain } from "./account/set-up.ts";
import type { Route } from "./context.ts";
import { alive } from "./ops/alive.ts";
import { metrics } from "./ops/metrics.ts";
import { ready } from "./ops/ready.ts";
import { anyone, member, newcomer, operator, probe } from "./pipeline/guards.ts";
import { file, operations, page, route } from "./pipeline/router.ts";
import { clientModule, clientTypes, favicon, hashedAsset } from "./site/asset.ts";
import { changePasswordUrl, robots, securityTxt } from "./site/well-known.ts";

/**
 * Every endpoint: how it is asked, who may come in, what answers, and what shows a browser a refused form again.
 * HEAD and OPTIONS follow from these. A `page` is for browsers alone; programs are answered as if it were not there.
 * `operations` are for those who run the server.
 */
export const ROUTES: readonly Route[] = [
  route("POST", "/login/", anyone, login, showLoginAgain),
  route("POST", "/logout/", anyone, logout),
  route("GET", "/profile/", member, profile),
  route("PATCH", "/profile/", member, editProfile),
  route("POST", "/password/change/", member, changePassword, showChangePasswordAgain),
  route("GET", "/sessions/", member, sessions),
  route("DELETE", "/sessions/", member, endOtherSessions),
  route("DELETE", "/sessions/:id/", member, endSession),
  route("GET", "/devices/", member, devices),
  route("DELETE", "/devices/:id/", member, forgetDevice),
  route("GET", "/activity/", member, activity),

  page("GET", "/", anyone, home),
  page("GET", "/login/", anyone, showLogin),
  page("POST", "/profile/", member, editProfile, showProfileAgain),
  page("GET", "/password/change/", member, showChangePassword),
  page("POST", "/sessions/", member, endOtherSessions),
  page("POST", "/sessions/:id/", member, endSession),
  page("POST", "/devices/:id/", member, forgetDevice),
  page("GET", "/setup/", newcomer, showSetUp),
  page("POST", "/setup/", newcomer, setUp, showSetUpAgain),

  file("/static/:name", anyone, hashedAsset),
  file("/client.js", anyone, clientModule),
  file("/client.d.ts", anyone, clientTypes),
  file("/favicon.ico", anyone, favicon),
  file("/robots.txt", anyone, robots),
  file("/.well-known/security.txt", anyone, securityTxt),
  file("/.well-known/change-password", anyone, changePasswordUrl),

  operations("/healthz", probe, alive),
  operations("/readyz", probe, ready),
  operations("/metrics", operator, metrics),
];
