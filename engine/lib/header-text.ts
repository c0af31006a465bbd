/** Letters that are no ASCII. */
const WIDE = /[^\0-\x7f]/;

/** What a header says. Node takes its bytes for Latin-1, while whoever writes more than ASCII writes UTF-8. */
export function readHeaderText(value: string): string {
  return WIDE.test(value) ? Buffer.from(value, "latin1").toString("utf8") : value;
}

/** A text as Node writes it into a header in UTF-8. */
export function writeHeaderText(text: string): string {
  return WIDE.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
}
