/** Replaces `$(NAME)` by its value; `$$` is a dollar sign, and a reference to an unknown name stays as it is written. */
export function expand(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(/\$(\$|\(([^)]*)\))/g, (whole: string, token: string, name: string | undefined) =>
    token === "$" ? "$" : (values.get(name ?? "") ?? whole),
  );
}
