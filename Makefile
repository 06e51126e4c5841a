# One word for each thing a person does here. `make` alone lists them.

SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help demo build console models up down test lint bench bench-peers soak

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## From a clone to cited answers and a served model; leaves the server running (ARGS=--again trains anew)
	@scripts/demo.sh $(ARGS)

build: ## Build the console and the program
	@scripts/install-tools.sh
	@scripts/build.sh

console: ## Build the console when its sources changed
	@scripts/console.sh

models: build ## Pull the models that the tests use
	@scripts/models.sh

up: build ## Start the server in the background and wait until it is ready
	@scripts/up.sh

down: ## Stop the server that `make up` or `make demo` started
	@scripts/down.sh

test: ## Run every test: crates, console, stock clients, browser
	@scripts/test.sh

lint: ## Check format, lints, types, layering and deployment files
	@scripts/lint.sh

bench: ## Run the benches, each against its peer; ARGS go to the bench program
	@scripts/bench.sh $(ARGS)

bench-peers: ## Run one bench of bench/peers: ARGS="llm", "tensor", "chaos" ...
	@scripts/bench-peers.sh $(ARGS)

soak: build ## Kill the server 1,000 times under load, and while it ingests 1,000 files; erase 100 of 1,000 documents
	@scripts/soak.sh
