# The words of this project; CI runs the same ones.
GO      ?= go
BIN     := $(CURDIR)/.bin
LINT    := $(BIN)/golangci-lint
CHECK   := $(BIN)/workflowcheck
LINT_VERSION  := v2.15.0
CHECK_VERSION := v0.6.0
PKG     ?= ./...
TIMEOUT ?= 25m

.PHONY: help build test lint bench generate clean

help: ## show these words
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: ## build ./syncline (the first build takes some minutes: the Temporal server is inside)
	$(GO) build -trimpath -ldflags '-s -w' -o syncline .

test: ## install what the tests need and run them all
	sh internal/testenv/install.sh $(GO) test -timeout $(TIMEOUT) $(PKG)

lint: $(LINT) $(CHECK) ## golangci-lint, and workflowcheck on the workflows
	$(LINT) run ./...
	$(CHECK) -config .workflowcheck.yaml ./workflows/...

bench: ## benchmarks against their controls: make bench WORKLOAD=copy ROWS=1000000
	@sh internal/testenv/install.sh
	@sh bench/bucardo.sh '$(WORKLOAD)'
	$(GO) run ./bench -workload '$(WORKLOAD)' -rows '$(ROWS)'

generate: ## write the generated reference again
	$(GO) generate ./...

clean: ## remove what building left
	rm -rf $(BIN) syncline

# The linters are installed beside the project, from their own modules, so
# that they never touch go.mod.
$(LINT):
	GOBIN=$(BIN) GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

$(CHECK):
	GOBIN=$(BIN) GOFLAGS= $(GO) install go.temporal.io/sdk/contrib/tools/workflowcheck@$(CHECK_VERSION)
