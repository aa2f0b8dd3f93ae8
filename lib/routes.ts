import { login } from "./account/login.ts";
import { logout } from "./account/logout.ts";
import { profile } from "./account/profile.ts";
import { anyone, member } from "./guards.ts";
import { type Route, route } from "./router.ts";

/** Every endpoint: how it is asked, who may come in, what answers. HEAD and OPTIONS follow from these. */
export const ROUTES: readonly Route[] = [
  route("POST", "/login/", anyone, login),
  route("POST", "/logout/", anyone, logout),
  route("GET", "/profile/", member, profile),
];
