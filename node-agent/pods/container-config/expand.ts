/** The kernel gives no program a longer word or variable, in bytes, nor more of them all, so nothing beyond is of use to anybody. */
const LENGTH_MAX = 128 * 1024;
export const WORDS_LENGTH_MAX = 8 * 1024 * 1024;

/**
 * Replaces `$(NAME)` by its value; `$$` is a dollar sign, and a reference to an unknown name stays as it is written. Takes time in proportion to
 * the text. Throws for what becomes longer than a program can be given: values that hold one another twice grow without end.
 */
export function expand(text: string, values: ReadonlyMap<string, string>): string {
  const lastEnd = text.lastIndexOf(")");
  let result = "";
  let from = 0;
  for (let at = text.indexOf("$"); at >= 0; at = text.indexOf("$", from)) {
    const end = text[at + 1] === "(" && at < lastEnd ? text.indexOf(")", at) : -1;
    const value = text[at + 1] === "$" ? "$" : end < 0 ? undefined : values.get(text.slice(at + 2, end));
    const next = text[at + 1] === "$" ? at + 2 : end < 0 ? at + 1 : end + 1;
    result += text.slice(from, at) + (value ?? text.slice(at, next));
    if (result.length > LENGTH_MAX) break;
    from = next;
  }
  if (result.length + text.length - from > LENGTH_MAX) throw new Error(`a text with its variables is longer than ${LENGTH_MAX} bytes`);
  return result + text.slice(from);
}

/** The same for each word of a command. Throws for what becomes longer, all in all, than a program can be given. */
export function expandAll(words: readonly string[], values: ReadonlyMap<string, string>): string[] {
  let length = 0;
  return words.map((word) => {
    const expanded = expand(word, values);
    length += expanded.length;
    if (length > WORDS_LENGTH_MAX) throw new Error(`a command with its variables is longer than ${WORDS_LENGTH_MAX} bytes`);
    return expanded;
  });
}
