package state

// The labels of the builder's worker, readable by every BuildKit client.
const (
	LabelVersion  = "orch.version"
	LabelEmulated = "orch.emulated"

	LabelStarted      = "orch.started"
	LabelIdleExit     = "orch.idle-exit"
	LabelRuntime      = "orch.runtime"
	LabelRootless     = "orch.rootless"
	LabelExecutable   = "orch.executable"
	LabelExecutableID = "orch.executable-id"

	LabelBuildID        = "orch.build-id"
	LabelBuildTime      = "orch.build-time"
	LabelConfig         = "orch.config"
	LabelConfigID       = "orch.config-id"
	LabelMaxParallelism = "orch.max-parallelism"
)

// The headers of the answer to ListWorkers.
const (
	HeaderClients = "orch-clients"
	HeaderActive  = "orch-active"
)
