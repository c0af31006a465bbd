/** A container could not be started; `reason` is what its status shows. */
export class StartError extends Error {
  override readonly name = "StartError";
  readonly reason:
    | "ErrImagePull"
    | "ErrImageNeverPull"
    | "InvalidImageName"
    | "CreateContainerConfigError"
    | "CreateContainerError"
    | "RunContainerError"
    | "PostStartHookError";
  constructor(reason: StartError["reason"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
