import { isOutage } from "../../db/outage.ts";
import type { Arrival, Authenticated, Routed } from "../context.ts";
import { Problem } from "../http/problem.ts";
import { describeError } from "../observability/log.ts";
import { authenticate } from "../session/session.ts";
import { errorPage } from "./page-responses.ts";
import type { Reply } from "./reply.ts";
import { json } from "./responses.ts";
import { routeFor } from "./router.ts";

/** Retry-After while the database is unavailable. Each request asks it again. */
const OUTAGE_SECONDS = 5;

/** The Problem that answers an error. If the error is unexpected, the log gets all of it and the client nothing. */
export function problemOf(error: unknown, { requestId, services: { log, metrics } }: Arrival): Problem {
  if (error instanceof Problem) return error;
  const isUnavailable = isOutage(error);
  if (isUnavailable) metrics.databaseFailed();
  const fields = { request_id: requestId, ...describeError(error) };
  log("error", isUnavailable ? "database_unavailable" : "unexpected_error", fields);
  return isUnavailable ? new Problem("unavailable", { seconds: OUTAGE_SECONDS }) : new Problem("server_error");
}

/** JSON for a program. For a browser: the form again if it sent one, else a page. */
export async function errorResponse(stage: Arrival, problem: Problem): Promise<Reply> {
  const reply = await replyTo(stage, problem);
  const { retryAfterSeconds } = problem;
  if (retryAfterSeconds !== null) reply.response.headers.set("Retry-After", String(retryAfterSeconds));
  return reply;
}

async function replyTo(stage: Arrival, problem: Problem): Promise<Reply> {
  if (stage.representation.format !== "page") return json(stage, problem.body, problem.status);
  const form = problem.isFormError && isRouted(stage) ? await formAgain(stage, problem) : null;
  return form ?? errorPage(await withUser(stage, problem), problem);
}

/** A page has the user's navigation, also if the path names no endpoint. */
async function withUser(stage: Arrival, { code }: Problem): Promise<Arrival> {
  if (stage.auth !== null || code !== "not_found") return stage;
  try {
    return { ...stage, auth: await authenticate(stage) };
  } catch (error) {
    problemOf(error, stage); // Logs it.
    return stage;
  }
}

function isRouted(stage: Arrival): stage is Routed {
  return stage.endpoint !== null;
}

/** The form with its values and its validation errors; null if the request has no form, or the guard now denies it. */
async function formAgain(stage: Routed, problem: Problem): Promise<Reply | null> {
  const route = routeFor(stage.endpoint, stage.request.method);
  if (!route?.renderWithErrors) return null;
  // If the session could not be looked up, the guard decides without one. The login still has its form then.
  const context: Authenticated = { ...stage, auth: stage.auth ?? { level: "anonymous", staleCookie: false } };
  try {
    return await route.renderWithErrors(context, problem);
  } catch (error) {
    problemOf(error, context); // Logs it, if it is no Problem.
    return null;
  }
}
