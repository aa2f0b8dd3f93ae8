import { globSync } from "node:fs";
import { COMMANDS } from "../../lib/cli/commands.ts";
import { OPTIONS } from "../../lib/config/options.ts";
import { PROBLEMS } from "../../lib/http/problem.ts";
import { unthrottled } from "../../lib/pipeline/router.ts";
import { ROUTES } from "../../lib/routes.ts";
import { CASE_ROWS, CONTESTANT_ROWS } from "../bench/rows.ts";
import type { Evidence } from "../standards/requirement.ts";
import { STANDARDS } from "../standards/standards.ts";
import { ROOT } from "./process.ts";

/** The tables of the documents, made from the code that they describe. */
export const TABLES: Record<string, () => string> = {
  endpoints: () =>
    table(
      ["Method", "Path", "Guard", "Throttle", "For"],
      ROUTES.map(({ method, path, guard, throttleName, surface }) => [
        code(method),
        code(path),
        code(guard.name),
        throttleName === unthrottled.name ? "" : code(throttleName),
        surface.audience,
      ]),
    ),
  commands: () =>
    table(
      ["Command", "What it does"],
      COMMANDS.map(({ name, alias, operand, about }) => [
        code(`${name} ${operand}`.trim()) + (alias === undefined ? "" : ` (${code(alias)})`),
        about,
      ]),
    ),
  settings: () =>
    table(
      ["Setting", "Default", "What it does"],
      Object.values(OPTIONS).map((option) => [
        code(option.name),
        option.default ? code(option.default) : "",
        option.about,
      ]),
    ),
  requirements: () =>
    STANDARDS.map(({ name, requirements }) => {
      const shown = requirements.filter(({ tests }) => tests.length > 0).length;
      const rows = requirements.map(({ id, about, tests, remark }) => [id, about, evidence(tests, remark)]);
      return `### ${name}\n\n${shown} of ${requirements.length} are claimed.\n\n${table(["", "Requirement", "Evidence"], rows)}`;
    }).join("\n\n"),
  contestants: () =>
    table(
      ["Row", "What it means"],
      CONTESTANT_ROWS.map(({ title, meaning }) => [title, meaning]),
    ),
  cases: () =>
    table(
      ["Row", "Compared with", "What it means"],
      CASE_ROWS.map(({ title, baseTitle, meaning }) => [title, baseTitle, meaning]),
    ),
  errors: () =>
    table(
      ["Code", "Status", "Body"],
      Object.entries(PROBLEMS).map(([name, problem]) => {
        const [[member = "", text = ""] = []] = Object.entries(problem).filter(([key]) => key !== "status");
        const more = "methods" in problem ? { code: name, methods: ["{method}"] } : {};
        const body =
          member === "fields"
            ? '{"{field}":["{message}"]}'
            : JSON.stringify({ [member]: member === "detail" ? text : [text], ...more });
        return [code(name), String(problem.status), code(body)];
      }),
    ),
};

/** Every document, by its path from the root. */
export const DOCUMENTS: readonly string[] = globSync(["*.md", "{db,lib,test}/**/*.md"], { cwd: ROOT }).sort();

/** A document with every table between `<!-- name -->` and `<!-- /name -->` made again. */
export function fillTables(document: string): string {
  return Object.entries(TABLES).reduce(
    (text, [name, make]) =>
      text.replace(
        new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- /${name} -->)`),
        (_, start: string, end: string) => `${start}${make()}\n${end}`,
      ),
    document,
  );
}

/** Links from SECURITY.md to the tests, or the reason why there are none. */
function evidence(tests: readonly Evidence[], remark: string): string {
  const files = [...new Set(tests.map(({ file }) => file))].map((file) => `[${file}](test/${file})`);
  return `${files.length === 0 ? "Not claimed." : `${files.join(", ")}.`} ${remark}`.trim();
}

function table(headings: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(headings), line(headings.map(() => "---")), ...rows.map(line)].join("\n");
}

function code(text: string): string {
  return `\`${text}\``;
}
