import { COMMANDS } from "../../lib/cli/commands.ts";
import { OPTIONS } from "../../lib/config/options.ts";
import { REFUSALS } from "../../lib/http/problem.ts";
import { ROUTES } from "../../lib/routes.ts";
import { STANDARDS } from "../standards/standards.ts";

const FOR_WHOM = { route: "everybody", page: "browsers", file: "everybody", operations: "operators" };

/** The README's tables, made from the code that they tell of. */
export const TABLES: Record<string, () => string> = {
  endpoints: () =>
    table(
      ["Method", "Path", "Who may come in", "For"],
      ROUTES.map(({ method, path, admits, kind }) => [code(method), code(path), admits, FOR_WHOM[kind]]),
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
    table(
      ["Standard", "Requirements", "Shown by a test", "Not claimed"],
      STANDARDS.map(({ name, requirements }) => {
        const unclaimed = requirements.filter(({ test }) => test === null).map(({ id }) => id);
        const shown = requirements.length - unclaimed.length;
        return [name, String(requirements.length), String(shown), unclaimed.join(", ")];
      }),
    ),
  refusals: () =>
    table(
      ["Code", "Status", "Body"],
      Object.entries(REFUSALS).map(([name, refusal]) => {
        const [[member = "", text = ""] = []] = Object.entries(refusal).filter(([key]) => key !== "status");
        const body =
          member === "fields"
            ? '{"{field}":["{message}"]}'
            : JSON.stringify({ [member]: member === "detail" ? text : [text] });
        return [code(name), String(refusal.status), code(body)];
      }),
    ),
};

/** The README with every table between `<!-- name -->` and `<!-- /name -->` made anew. */
export function fillReadme(readme: string): string {
  return Object.entries(TABLES).reduce(
    (text, [name, make]) =>
      text.replace(
        new RegExp(`(<!-- ${name} -->\n)[\\s\\S]*?(<!-- /${name} -->)`),
        (_, start: string, end: string) => `${start}${make()}\n${end}`,
      ),
    readme,
  );
}

function table(headings: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(headings), line(headings.map(() => "---")), ...rows.map(line)].join("\n");
}

function code(text: string): string {
  return `\`${text}\``;
}
