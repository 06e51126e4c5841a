import type { ReactNode } from "react";
import { PageHead } from "./parts";
import { Problem } from "./Problem";

interface PageProblemProps {
  title: string;
  what: string;
  error: Error;
  retry: () => void;
  /** Where to go from here. */
  children?: ReactNode;
}

/** A page whose subject could not be read. */
export function PageProblem({ title, what, error, retry, children }: PageProblemProps) {
  return (
    <div className="page">
      <PageHead title={title} />
      <Problem what={what} error={error} retry={retry} />
      {children && <div>{children}</div>}
    </div>
  );
}
