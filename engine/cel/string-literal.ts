const SIMPLE: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "?": "?",
  '"': '"',
  "'": "'",
  "`": "`",
};

/** What stands between the quotes of a literal, as text or bytes; or what is wrong with it. */
export function decodeLiteral(
  body: string,
  { isRaw, isBytes }: { readonly isRaw: boolean; readonly isBytes: boolean },
): string | Uint8Array | { readonly problem: string } {
  if (isRaw || !body.includes("\\")) return isBytes ? new Uint8Array(Buffer.from(body, "utf8")) : body;
  const parts: string[] = [];
  const bytes: number[] = [];
  const put = (text: string) => void (isBytes ? bytes.push(...Buffer.from(text, "utf8")) : parts.push(text));
  for (let at = 0; at < body.length;) {
    if (body[at] !== "\\") {
      const next = String.fromCodePoint(body.codePointAt(at) ?? 0);
      put(next);
      at += next.length;
      continue;
    }
    const escape = readEscape(body, at + 1);
    if (escape === undefined) return { problem: `invalid escape sequence '${body.slice(at, at + 2)}'` };
    if (escape.isNumeric && isBytes) bytes.push(escape.code & 0xff);
    else if (escape.isNumeric) {
      if (escape.code > 0x10ffff || (escape.code >= 0xd800 && escape.code <= 0xdfff)) return { problem: "invalid unicode code point" };
      put(String.fromCodePoint(escape.code));
    } else put(escape.text);
    at += 1 + escape.length;
  }
  return isBytes ? new Uint8Array(bytes) : parts.join("");
}

type Escape =
  { readonly isNumeric: false; readonly text: string; readonly length: number } | { readonly isNumeric: true; readonly code: number; readonly length: number };

function readEscape(body: string, at: number): Escape | undefined {
  const simple = SIMPLE[body[at] ?? ""];
  if (simple !== undefined) return { isNumeric: false, text: simple, length: 1 };
  const hex = /^(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(body.slice(at, at + 9));
  if (hex !== null) return { isNumeric: true, code: Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? "", 16), length: hex[0].length };
  const octal = /^[0-3][0-7]{2}/.exec(body.slice(at, at + 3));
  return octal === null ? undefined : { isNumeric: true, code: Number.parseInt(octal[0], 8), length: 3 };
}
