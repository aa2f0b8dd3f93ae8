import { login } from "./account/login.ts";
import { logout } from "./account/logout.ts";
import { profile } from "./account/profile.ts";
import { anyone, member, operator, probe } from "./guards.ts";
import { alive } from "./ops/alive.ts";
import { metrics } from "./ops/metrics.ts";
import { ready } from "./ops/ready.ts";
import { type Route, route } from "./router.ts";

/** Every endpoint: how it is asked, who may come in, what answers. HEAD and OPTIONS follow from these. */
export const ROUTES: readonly Route[] = [
  route("POST", "/login/", anyone, login),
  route("POST", "/logout/", anyone, logout),
  route("GET", "/profile/", member, profile),
  route("GET", "/healthz", probe, alive),
  route("GET", "/readyz", probe, ready),
  route("GET", "/metrics", operator, metrics),
];

/** Whether a row is for those who run the server: asked by programs that know no Host, no Accept and no session. */
export function isOperational({ admit }: Route): boolean {
  return admit === probe || admit === operator;
}
