import { columnWidths, formatJson, formatRow, formatTable, type Terminal } from "./terminal.ts";

/** The number of rows in memory. */
const PAGE_ROWS = 500;

/**
 * Reads a list of any length, page by page.
 *
 * @param list reads the page after a row; null for the first page
 */
export async function* readPages<Row>(
  list: (last: Row | null, limit: number) => Promise<Row[]>,
): AsyncGenerator<Row[]> {
  for (let last: Row | null = null; ; ) {
    const page: Row[] = await list(last, PAGE_ROWS);
    if (page.length > 0) yield page;
    if (page.length < PAGE_ROWS) return;
    last = page.at(-1) ?? null;
  }
}

/**
 * Prints a table page by page. The first page sets the widths of the columns.
 *
 * @throws Error if the reader has closed the pipe
 */
export async function printTable<Row>(
  terminal: Terminal,
  headings: string[],
  pages: AsyncIterable<Row[]>,
  toCells: (row: Row) => string[],
): Promise<void> {
  let widths: number[] | null = null;
  for await (const page of pages) {
    const rows = page.map(toCells);
    if (widths === null) terminal.print(formatTable(headings, rows));
    else for (const row of rows) terminal.print(formatRow(row, widths));
    widths ??= columnWidths(headings, rows);
    await terminal.flush();
  }
  if (widths === null) terminal.print(formatTable(headings, []));
  await terminal.flush();
}

/**
 * Prints a list as one JSON array, page by page.
 *
 * @throws Error if the reader has closed the pipe
 */
export async function printJson<Row>(
  terminal: Terminal,
  pages: AsyncIterable<Row[]>,
  toJson: (row: Row) => Record<string, unknown>,
): Promise<void> {
  let text: string | null = null;
  for await (const page of pages) {
    // The elements, without the brackets of the page.
    const elements = formatJson(page.map(toJson)).slice(2, -2);
    if (text !== null) terminal.print(`${text},`);
    text = text === null ? `[\n${elements}` : elements;
    await terminal.flush();
  }
  terminal.print(text === null ? "[]" : `${text}\n]`);
  await terminal.flush();
}
