import assert from "node:assert/strict";
import { deleteUser, findCredentials, findUser, setActive, setPassword } from "../../db/users.ts";
import { OPERATOR } from "../../lib/audit/actor.ts";
import { bytesOf } from "../../lib/http/form.ts";
import { deactivate } from "../../lib/users/activation.ts";
import { changePassword } from "../../lib/users/change-password.ts";
import { openCopy, readStatements, TEST_DATABASE_URL } from "./database.ts";
import { bodyText, DEVIATIONS, type Exchange, withProfileEditing } from "./deviations.ts";
import { exchange, type RawResponse } from "./raw-http.ts";
import {
  bodyBytes,
  FIXTURE_USERS,
  maskSecret,
  type RecordedCase,
  type RecordedCookie,
  type RecordedRequest,
  type RecordedResponse,
} from "./recording.ts";
import { anyPassword, createTestApp, type TestApp } from "./test-app.ts";

/** The result of a replayed case: the deviations that explain its differences (none: the same), and its errors. */
export interface Verdict {
  deviations: Set<number>;
  wrong: string[];
}

/** The state of one case between its steps. */
interface Play {
  port: number;
  test: TestApp;
  verdict: Verdict;
  /** The values behind `{sid1}`, `{tok1}`, `{secret1}`. */
  names: Map<string, string>;
  idleSeconds: number;
  userGone: boolean;
  hashes: string[];
}

let fixture: Promise<string[]> | undefined;

/** Each recorded case begins with these users and no sessions. */
export async function createFixtureApp(): Promise<TestApp> {
  if (TEST_DATABASE_URL !== undefined) return addFixtureUsers(await createTestApp());
  fixture ??= createTestApp().then(addFixtureUsers).then(readAndClose);
  return createTestApp({}, await openCopy(await fixture));
}

async function readAndClose({ services, close }: TestApp): Promise<string[]> {
  const statements = await readStatements(services.db);
  await close();
  return statements;
}

async function addFixtureUsers(test: TestApp): Promise<TestApp> {
  for (const input of FIXTURE_USERS) {
    const user = await test.addUser(input);
    if (user.username === "inactive") await setActive(test.services.db, user.id, false);
    if (user.username === "nopass") await setPassword(test.services.db, user.id, "!unusable");
  }
  return test;
}

/** Replays a recorded case against a running server and compares every answer. */
export async function replay(recorded: RecordedCase, test: TestApp, port: number): Promise<Verdict> {
  const verdict: Verdict = { deviations: new Set(), wrong: [] };
  const play: Play = { port, test, verdict, names: new Map(), idleSeconds: 0, userGone: false, hashes: [] };
  for (const step of recorded.steps) {
    if ("hook" in step) await applyHook(play, step.hook);
    else if ("fact" in step) checkFact(play, step.fact);
    else await playRequest(play, step.request, "failure" in step.response ? null : step.response);
  }
  return verdict;
}

async function applyHook(play: Play, [command, username, ...rest]: string[]): Promise<void> {
  const { services, clock } = play.test;
  const user = await findUser(services.db, username ?? "");
  assert(user, `the hook ${command} names no user`);
  const [value = ""] = rest;
  if (command === "age-sessions") {
    clock.advance(Number(value));
    play.idleSeconds += Number(value);
  } else if (command === "delete-user") {
    await deleteUser(services.db, user.id);
    play.userGone = true;
  } else if (command === "deactivate") {
    await deactivate(services, OPERATOR, user);
    play.userGone = true;
  } else if (command === "setpassword") await changePassword(services, OPERATOR, user, anyPassword(value));
  else if (command === "set-hash") await setPassword(services.db, user.id, value);
  else if (command === "show-hash")
    play.hashes.push((await findCredentials(services.db, user.username))?.password ?? "");
  // The recorded counts include rows of other cases: Django keeps expired ones.
  else assert.equal(command, "count-sessions");
}

function checkFact({ hashes: [before, afterWrong, afterRight], verdict }: Play, fact: Record<string, unknown>): void {
  if (fact["hash kept by a failed login"] !== (before === afterWrong))
    verdict.wrong.push("a failed login changed the hash");
  // The recorded Django could not read scrypt. Django 4.0 and Postern can.
  const isReplaced = fact["hash replaced by the right login"] === true || fact["algorithm afterwards"] === "scrypt";
  if (isReplaced !== (afterRight !== afterWrong)) verdict.wrong.push("the hash was replaced, or not, unlike Django's");
  if (isReplaced && !afterRight?.startsWith("argon2$argon2id$")) verdict.wrong.push("the new hash is not argon2id");
}

async function playRequest(play: Play, request: RecordedRequest, expected: RecordedResponse | null): Promise<void> {
  const filled = fillIn(request, play.names);
  const hadSession = [...play.names].some(
    ([name, value]) => name.startsWith("sid") && JSON.stringify(filled.headers).includes(value),
  );
  const actual = await exchange(play.port, serialize(filled), request.method === "HEAD");
  const differences = compare(expected, actual);
  const allow = expected?.headers["Allow"];
  if (withProfileEditing(allow) !== allow) play.verdict.deviations.add(19);
  learnNames(play, expected, actual);
  if (rawSetCookies(actual).some(isDeviceCookie)) play.verdict.deviations.add(15);
  const { idleSeconds, userGone } = play;
  play.idleSeconds = 0;
  judge(play, { request: filled, expected, actual, hadSession, idleSeconds, userGone }, differences);
}

function judge({ verdict, hashes }: Play, exchange: Exchange, differences: string[]): void {
  if (differences.length === 0) return;
  const deviation = DEVIATIONS.find(({ applies }) => applies(exchange));
  if (deviation) verdict.deviations.add(deviation.number);
  // Django reads this from 4.0 on. The recorded Django is older.
  else if (exchange.actual?.status !== 202 || !hashes.at(-1)?.startsWith("scrypt$")) {
    verdict.wrong.push(`${exchange.request.method} ${exchange.request.target}: ${differences.join("; ")}`);
  }
}

/** Names the values of the answer. If Django keeps the old key and Postern makes a new one, the new one gets its name. */
function learnNames({ names, verdict }: Play, expected: RecordedResponse | null, actual: RawResponse | null): void {
  for (const [name, cookie] of Object.entries(expected?.cookies ?? {})) {
    const value = setCookies(actual)
      .find((line) => line.startsWith(`${name}=`))
      ?.slice(name.length + 1)
      .split(";", 1)[0];
    if (cookie.deleted || value === undefined) continue;
    if (cookie.value !== undefined && names.has(cookie.value)) verdict.deviations.add(4);
    if (name === "csrftoken") verdict.deviations.add(3);
    for (const learned of [cookie.value, cookie.token, cookie.secret])
      if (learned !== undefined) names.set(learned, value);
  }
}

/** The differences of the answer from the recorded one. More fields in Vary, and other fields, are deviation 14. */
function compare(expected: RecordedResponse | null, actual: RawResponse | null): string[] {
  if (expected === null || actual === null)
    return [`Django ${expected?.status ?? "closes"}, Postern ${actual?.status ?? "closes"}`];
  const differences: string[] = [];
  const check = (what: string, wanted: unknown, got: unknown) => {
    if (wanted !== got) differences.push(`${what}: ${JSON.stringify(wanted)} is ${JSON.stringify(got)}`);
  };
  check("status", `${expected.status} ${expected.reason}`, `${actual.status} ${actual.reason}`);
  for (const name of ["Content-Type", "X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy", "Location"]) {
    check(name, expected.headers[name], headerOf(actual, name));
  }
  check("Allow", withProfileEditing(expected.headers["Allow"]), headerOf(actual, "Allow"));
  const vary = new Set(headerOf(actual, "Vary")?.split(", "));
  for (const field of expected.headers["Vary"]?.split(", ") ?? []) check(`Vary: ${field}`, true, vary.has(field));
  check("body", bodyText(expected), actual.body);
  if (expected.head_length !== undefined)
    check("length", String(expected.head_length), headerOf(actual, "Content-Length"));
  check(
    "cookies",
    Object.values(expected.cookies).map(recordedSpelling).join("\n"),
    setCookies(actual).map(spellingOf).join("\n"),
  );
  return differences;
}

function headerOf(response: RawResponse, wanted: string): string | undefined {
  return response.headers.find(([name]) => name.toLowerCase() === wanted.toLowerCase())?.[1];
}

/** Without the device cookie, which Django does not have (deviation 15). */
function setCookies(response: RawResponse | null): string[] {
  return rawSetCookies(response).filter((line) => !isDeviceCookie(line));
}

const isDeviceCookie = (line: string) => line.startsWith("devicecookie=");

function rawSetCookies(response: RawResponse | null): string[] {
  return (response?.headers ?? []).filter(([name]) => name.toLowerCase() === "set-cookie").map(([, value]) => value);
}

function recordedSpelling({ spelling, deleted }: RecordedCookie): string {
  return deleted ? spelling.replace("<date>", new Date(0).toUTCString()) : spelling;
}

/** A Set-Cookie line without its random values. Only values of the right shape are masked. */
function spellingOf(line: string): string {
  return line
    .replace(/^(\w+)=[a-z2-7]{32};/, "$1=<value>;")
    .replace(/expires=\w{3}, \d\d \w{3} 20\d\d \d\d:\d\d:\d\d GMT/, "expires=<date>");
}

function serialize({ method, target, version, headers, host, body }: RecordedRequest): Uint8Array {
  const has = (wanted: string) => headers.some(([name]) => name.toLowerCase() === wanted);
  const bytes = body === undefined ? new Uint8Array() : bodyBytes(body);
  const fields = [...headers];
  if (host !== "absent" && !has("host")) fields.unshift(["Host", "oracle.test"]);
  if (body !== undefined && !has("transfer-encoding")) fields.push(["Content-Length", String(bytes.length)]);
  const head = [`${method} ${target} ${version}`, ...fields.map(([name, value]) => `${name}: ${value}`), "", ""];
  return Buffer.concat([bytesOf(head.join("\r\n")), bytes]);
}

/** Replaces the recorded names by the values of this run. */
function fillIn(request: RecordedRequest, names: ReadonlyMap<string, string>): RecordedRequest {
  const fill = (text: string) =>
    text.replace(
      /\{(a token of )?((?:sid|tok|secret)\d)(?:, ([^}]+))?\}/g,
      (_, token?: string, name = "", change = "") => {
        // The server has not issued this secret: the sender invented it.
        const value = names.get(name) ?? "Z".repeat(32);
        return changed(token === undefined ? value : maskSecret(value, "k"), change);
      },
    );
  return {
    ...request,
    target: fill(request.target),
    headers: request.headers.map(([name, value]) => [name, fill(value)]),
    ...(request.body === undefined ? {} : { body: fill(request.body) }),
  };
}

function changed(value: string, change: string): string {
  switch (change) {
    case "":
      return value;
    case "cut by one":
      return value.slice(0, -1);
    case "case swapped":
      return value.replace(/[a-z]/gi, (letter) => (letter < "a" ? letter.toLowerCase() : letter.toUpperCase()));
    case "a backslash before its first letter":
      return value.replace(/[a-z]/, (letter) => `\\${letter}`);
    case "first character percent-encoded":
      return `%${value.charCodeAt(0).toString(16)}${value.slice(1)}`;
    default:
      throw new Error(`The recording asks for an unknown change: ${change}`);
  }
}
