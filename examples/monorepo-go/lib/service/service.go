// Package service is what all services have in common: a server that answers with
// JSON, logs each request, and ends when it is told to.
package service

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"time"
)

// Service is a set of handlers with a name.
type Service struct {
	name string
	mux  *http.ServeMux
}

// New returns a service that answers only that it is well.
func New(name string) *Service {
	s := &Service{name, http.NewServeMux()}
	s.Get("/healthz", func(*http.Request) (any, error) { return map[string]string{"service": name}, nil })
	return s
}

// ErrNotFound is returned by handlers for what is not there.
var ErrNotFound = errors.New("not found")

// Get answers requests for a path with what a function returns, as JSON.
func (s *Service) Get(path string, answer func(*http.Request) (any, error)) {
	s.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		value, err := answer(r)
		status := http.StatusOK
		switch {
		case errors.Is(err, ErrNotFound):
			status = http.StatusNotFound
		case err != nil:
			status = http.StatusInternalServerError
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if err != nil {
			value = map[string]string{"error": err.Error()}
		}
		_ = json.NewEncoder(w).Encode(value)
		slog.Info("request", "service", s.name, "path", r.URL.Path, "status", status, "took", time.Since(start))
	})
}

// Run serves until the process is interrupted.
func (s *Service) Run() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	server := &http.Server{Addr: os.Getenv("LISTEN"), Handler: s.mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Shutdown(context.WithoutCancel(ctx))
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		slog.Error("serving", "service", s.name, "error", err)
		os.Exit(1)
	}
}
