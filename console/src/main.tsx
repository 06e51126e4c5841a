import * as Tooltip from "@radix-ui/react-tooltip";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/client";
import { session } from "./api/session";
import { useStore } from "./lib/store";
import { SignIn } from "./pages/SignIn";
import { router } from "./router";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/lists.css";
import "./styles/overlays.css";
import "./styles/ask.css";
import "./styles/work.css";
import "./styles/explain.css";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5000,
      // Only what may pass by itself is tried again.
      retry: (failures, error) =>
        failures < 2 && error instanceof ApiError && (error.status === 0 || error.status >= 500),
    },
  },
});

// Whoever signs in next must not see what was read before.
session.subscribe(() => {
  if (session.get().key === null) queries.clear();
});

function Console() {
  const { key } = useStore(session);
  return key === null ? <SignIn /> : <RouterProvider router={router} />;
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <Tooltip.Provider delayDuration={150}>
          <Console />
        </Tooltip.Provider>
      </QueryClientProvider>
    </StrictMode>,
  );
}
