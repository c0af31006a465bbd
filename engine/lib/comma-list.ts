/** What stands between commas, without the blanks around it; empty parts do not count. */
export function commaList(text: string): readonly string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
