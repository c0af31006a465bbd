/** An encrypted file that cannot be opened. The message never holds what was inside. */
export class SopsError extends Error {
  override readonly name = "SopsError";
  /** 1-based. */
  readonly line: number;

  constructor(message: string, line = 1) {
    super(message);
    this.line = line;
  }
}
