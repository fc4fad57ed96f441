// Made by 'orch ci init jenkins'. It builds api, web, worker.
// It needs the plugin Pipeline Utility Steps, for readJSON.
def plan

pipeline {
  agent none
  stages {
    stage('plan') {
      agent any
      steps {
        sh '''
          MAIN=main
          if test -n "$TAG_NAME"; then PUSH=yes
          elif test -n "$CHANGE_TARGET"; then BASE=$CHANGE_TARGET
          elif test "${BRANCH_NAME:-${GIT_BRANCH#origin/}}" = "$MAIN"; then PUSH=yes
          else BASE=$MAIN; fi
          if test -n "$BASE"; then AFFECTED="origin/$BASE"; git fetch origin "+refs/heads/$BASE:refs/remotes/origin/$BASE"; fi
          orch plan --shards auto --waves ${PUSH:+--push} ${AFFECTED:+--affected "$AFFECTED" --affected-kind build} -o shards.json --format jenkins >orch-matrix.json
        '''
        script { plan = readJSON file: 'orch-matrix.json' }
        stash name: 'orch-plan', includes: 'shards.json'
      }
    }
    stage('shared stages') {
      when { beforeAgent true; expression { plan.waves } }
      agent any
      steps {
        unstash 'orch-plan'
        sh "orch bake --shard 0/${plan.shards[0].count} --plan shards.json"
      }
    }
    stage('shards') {
      when { expression { plan.count > 0 } }
      steps {
        script {
          parallel plan.shards.collectEntries { s ->
            [("${s.shard} ${s.name}".toString()): {
              node {
                checkout scm
                unstash 'orch-plan'
                try {
                  sh "orch bake --shard ${s.shard} --plan shards.json"
                } finally {
                  stash name: "orch-result-${s.index}", includes: "orch.result.${s.index}.json", allowEmpty: true
                }
              }
            }]
          }
        }
      }
    }
  }
  post {
    always {
      node('') {
        script {
          if (plan == null) { return }
          deleteDir()
          unstash 'orch-plan'
          plan.shards.each { s -> catchError(buildResult: 'FAILURE') { unstash "orch-result-${s.index}" } }
          sh 'orch merge --plan shards.json --metadata-file metadata.json orch.result.*.json'
          archiveArtifacts allowEmptyArchive: true, artifacts: 'orch.result.json,metadata.json'
        }
      }
    }
  }
}
