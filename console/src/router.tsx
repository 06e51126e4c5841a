import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Link,
  redirect,
  type ErrorComponentProps,
} from "@tanstack/react-router";
import { Frame } from "./components/Frame";
import { Problem } from "./components/Problem";
import { packed, unpacked, type SearchOptions } from "./lib/search";

const text = (value: unknown) => (typeof value === "string" ? value : undefined);

/** A position in a text: a whole number from 0. */
const place = (value: unknown) => (Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined);

function oneOf<T extends string>(value: unknown, choices: readonly T[]): T | undefined {
  return choices.find((choice) => choice === value);
}

export const DOCUMENTS_TABS = ["stores", "sources", "evaluations"] as const;
export const STORE_TABS = ["files", "search", "settings"] as const;
export const TABLES_TABS = ["tables", "sql", "runs"] as const;
export const TABLE_TABS = ["columns", "rows", "train"] as const;

interface StoreSearch {
  tab?: (typeof STORE_TABS)[number];
  q?: string;
  how?: Partial<SearchOptions>;
  file?: string;
  from?: number;
  to?: number;
}

const root = createRootRoute({ component: Frame, notFoundComponent: NotFound, errorComponent: Broken });

const index = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/ask", replace: true });
  },
});

const ask = createRoute({
  getParentRoute: () => root,
  path: "/ask",
  validateSearch: (search): { store?: string } => ({ store: text(search.store) }),
  component: lazyRouteComponent(() => import("./pages/ask/AskPage"), "AskPage"),
});

const documents = createRoute({
  getParentRoute: () => root,
  path: "/documents",
  validateSearch: (search): { tab?: (typeof DOCUMENTS_TABS)[number] } => ({ tab: oneOf(search.tab, DOCUMENTS_TABS) }),
  component: lazyRouteComponent(() => import("./pages/documents/DocumentsPage"), "DocumentsPage"),
});

const store = createRoute({
  getParentRoute: () => root,
  path: "/documents/$storeId",
  // A file with a range of its text opens there: citations are linked so.
  validateSearch: (search): StoreSearch => ({
    tab: oneOf(search.tab, STORE_TABS),
    q: text(search.q),
    how: packed(unpacked(search.how)),
    file: text(search.file),
    from: place(search.from),
    to: place(search.to),
  }),
  component: lazyRouteComponent(() => import("./pages/documents/StorePage"), "StorePage"),
});

const source = createRoute({
  getParentRoute: () => root,
  path: "/documents/sources/$sourceId",
  component: lazyRouteComponent(() => import("./pages/sources/SourcePage"), "SourcePage"),
});

const newSource = createRoute({
  getParentRoute: () => root,
  path: "/documents/sources/new",
  validateSearch: (search): { store?: string } => ({ store: text(search.store) }),
  component: lazyRouteComponent(() => import("./pages/sources/NewSourcePage"), "NewSourcePage"),
});

const editSource = createRoute({
  getParentRoute: () => root,
  path: "/documents/sources/$sourceId/edit",
  component: lazyRouteComponent(() => import("./pages/sources/EditSourcePage"), "EditSourcePage"),
});

const evaluation = createRoute({
  getParentRoute: () => root,
  path: "/documents/evaluations/$runId",
  component: lazyRouteComponent(() => import("./pages/evaluations/EvaluationPage"), "EvaluationPage"),
});

const tables = createRoute({
  getParentRoute: () => root,
  path: "/tables",
  validateSearch: (search): { tab?: (typeof TABLES_TABS)[number]; sql?: string } => ({
    tab: oneOf(search.tab, TABLES_TABS),
    sql: text(search.sql),
  }),
  component: lazyRouteComponent(() => import("./pages/tables/TablesPage"), "TablesPage"),
});

const table = createRoute({
  getParentRoute: () => root,
  path: "/tables/$name",
  validateSearch: (search): { tab?: (typeof TABLE_TABS)[number] } => ({ tab: oneOf(search.tab, TABLE_TABS) }),
  component: lazyRouteComponent(() => import("./pages/tables/TablePage"), "TablePage"),
});

const training = createRoute({
  getParentRoute: () => root,
  path: "/tables/runs/$runId",
  component: lazyRouteComponent(() => import("./pages/tables/TrainingPage"), "TrainingPage"),
});

const models = createRoute({
  getParentRoute: () => root,
  path: "/models",
  component: lazyRouteComponent(() => import("./pages/models/ModelsPage"), "ModelsPage"),
});

const model = createRoute({
  getParentRoute: () => root,
  path: "/models/$name",
  component: lazyRouteComponent(() => import("./pages/models/ModelPage"), "ModelPage"),
});

const operate = createRoute({
  getParentRoute: () => root,
  path: "/operate",
  component: lazyRouteComponent(() => import("./pages/operate/OperatePage"), "OperatePage"),
});

export const router = createRouter({
  basepath: "/console",
  routeTree: root.addChildren([
    index,
    ask,
    documents,
    store,
    source,
    newSource,
    editSource,
    evaluation,
    tables,
    table,
    training,
    models,
    model,
    operate,
  ]),
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

function NotFound() {
  return (
    <div className="page">
      <h1>No such page</h1>
      <p>
        Nothing is at this address. <Link to="/ask">Go to the start</Link>.
      </p>
    </div>
  );
}

function Broken({ error, reset }: ErrorComponentProps) {
  return (
    <div className="page">
      <Problem what="This page failed." error={error as Error} retry={reset} />
    </div>
  );
}
